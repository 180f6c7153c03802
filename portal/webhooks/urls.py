"""Routes of the pages of webhooks."""

from django.urls import path

from portal.webhooks.views import deliveries, endpoints

urlpatterns = [
    path("webhooks/", endpoints.webhooks, name="webhooks"),
    path("webhooks/add/", endpoints.webhook_add, name="webhook_add"),
    path("webhooks/<uuid:pk>/", deliveries.webhook, name="webhook"),
    path("webhooks/<uuid:pk>/edit/", endpoints.webhook_edit, name="webhook_edit"),
    path("webhooks/<uuid:pk>/rotate/", endpoints.webhook_rotate, name="webhook_rotate"),
    path("webhooks/<uuid:pk>/remove/", endpoints.webhook_remove, name="webhook_remove"),
    path("webhooks/<uuid:pk>/pause/", endpoints.webhook_pause, name="webhook_pause"),
    path("webhooks/<uuid:pk>/test/", endpoints.webhook_test, name="webhook_test"),
    path(
        "webhooks/<uuid:pk>/deliveries/<int:delivery>/again/",
        deliveries.webhook_redeliver,
        name="webhook_redeliver",
    ),
]
