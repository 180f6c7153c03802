"""Routes of portal.notifications: one's inbox, how one wants to be told, and what is on its way."""

from django.urls import path

from portal.notifications.views import deliveries, inbox, preferences, slack

urlpatterns = [
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/count/", inbox.inbox_count, name="inbox_count"),
    path("inbox/read/", inbox.inbox_read, name="inbox_read"),
    path("inbox/unread/", inbox.inbox_unread, name="inbox_unread"),
    path("inbox/<int:pk>/open/", inbox.inbox_open, name="inbox_open"),
    path("account/notifications/", preferences.preferences, name="notification_preferences"),
    path("account/notifications/slack/", slack.slack_connect, name="slack_connect"),
    path("account/notifications/slack/test/", slack.slack_test, name="slack_test"),
    path("account/notifications/slack/disconnect/", slack.slack_disconnect, name="slack_disconnect"),
    path("audit/deliveries/", deliveries.deliveries, name="deliveries"),
    path("audit/deliveries/retry/", deliveries.deliveries_retry, name="deliveries_retry"),
    path("audit/deliveries/<int:pk>/retry/", deliveries.delivery_retry, name="delivery_retry"),
    path("audit/deliveries/<int:pk>/drop/", deliveries.delivery_drop, name="delivery_drop"),
]
