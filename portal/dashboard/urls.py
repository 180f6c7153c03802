"""Routes of the dashboard."""

from django.urls import path

from portal.dashboard.views.today import today

urlpatterns = [path("", today, name="today")]
