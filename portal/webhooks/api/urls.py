"""Routes of the API of webhooks."""

from django.urls import path

from portal.webhooks.api.views import DeliveriesView, EndpointsView, EndpointView, RedeliverView

urlpatterns = [
    path("webhooks", EndpointsView.as_view(), name="api_webhooks"),
    path("webhooks/<uuid:pk>", EndpointView.as_view(), name="api_webhook"),
    path("webhooks/<uuid:pk>/deliveries", DeliveriesView.as_view(), name="api_webhook_deliveries"),
    path(
        "webhooks/<uuid:pk>/deliveries/<int:delivery>/again",
        RedeliverView.as_view(),
        name="api_webhook_redeliver",
    ),
]
