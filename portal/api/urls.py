"""Routes of portal.api."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
