"""Routes of portal.demo."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
