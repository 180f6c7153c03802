"""Routes of discussions."""

from django.urls import path

from portal.discussion.views.comment import comment, comment_delete, comment_edit, comment_restore
from portal.discussion.views.files import attachment, attachment_remove, thread_upload
from portal.discussion.views.thread import preview, thread, thread_people
from portal.discussion.views.watching import unwatch, watch

urlpatterns = [
    path("preview/", preview, name="comment_preview"),
    path("comments/<int:pk>/", comment, name="comment"),
    path("comments/<int:pk>/edit/", comment_edit, name="comment_edit"),
    path("comments/<int:pk>/delete/", comment_delete, name="comment_delete"),
    path("comments/<int:pk>/restore/", comment_restore, name="comment_restore"),
    path("attachments/<uuid:pk>/", attachment, name="attachment"),
    path("attachments/<uuid:pk>/remove/", attachment_remove, name="attachment_remove"),
    path("<slug:kind>/<str:key>/", thread, name="thread"),
    path("<slug:kind>/<str:key>/people/", thread_people, name="thread_people"),
    path("<slug:kind>/<str:key>/files/", thread_upload, name="thread_upload"),
    path("<slug:kind>/<str:key>/watch/", watch, name="watch"),
    path("<slug:kind>/<str:key>/unwatch/", unwatch, name="unwatch"),
]
