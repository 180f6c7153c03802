"""Routes of portal.api: the description for machines, and the page for people."""

from django.urls import path

from portal.api.views.docs import docs
from portal.api.views.schema import SchemaView

urlpatterns = [
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", docs, name="api-docs"),
]
