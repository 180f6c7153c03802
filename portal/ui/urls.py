"""Routes of portal.ui."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
