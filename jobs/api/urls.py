"""Routes of jobs.api."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
