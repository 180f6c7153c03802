"""Routes of the dashboard."""

from django.urls import path

from portal.dashboard.views.audit import audit
from portal.dashboard.views.find import find
from portal.dashboard.views.today import today

urlpatterns = [
    path("", today, name="today"),
    path("find/", find, name="find"),
    path("audit/", audit, name="audit"),
]
