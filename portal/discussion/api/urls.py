"""Routes of the API of discussions."""

from django.urls import path

from portal.discussion.api.views import CommentsView

urlpatterns = [
    path("discussion/<slug:kind>/<str:key>/comments", CommentsView.as_view(), name="api_comments"),
]
