"""The table of contents: each area's own urls.py stands behind one line."""

from django.urls import include, path

from portal.launch import health

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("", include("portal.dashboard.urls")),
    path("", include("portal.ui.urls")),
    path("", include("portal.accounts.urls")),
    path("", include("portal.notifications.urls")),
    path("", include("portal.webhooks.urls")),
    path("", include("portal.demo.urls")),
    path("requests/", include("requests_app.urls")),
    path("catalog/", include("catalog.urls")),
    path("", include("jobs.urls")),
    path("discussion/", include("portal.discussion.urls")),
    path("api/", include("portal.api.urls")),
    path("api/v1/", include("catalog.api.urls")),
    path("api/v1/", include("jobs.api.urls")),
    path("api/v1/", include("requests_app.api.urls")),
    path("api/v1/", include("portal.discussion.api.urls")),
    path("api/v1/", include("portal.webhooks.api.urls")),
]

handler400 = "portal.ui.views.errors.bad_request"
handler403 = "portal.ui.views.errors.forbidden"
handler404 = "portal.ui.views.errors.not_found"
handler500 = "portal.ui.views.errors.server_error"
