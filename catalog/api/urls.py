"""Routes of catalog.api."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
