"""Routes of portal.dashboard."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
