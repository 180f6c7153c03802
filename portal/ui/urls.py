"""Routes of portal.ui."""

from django.urls import path

from portal.ui.views.gallery import gallery
from portal.ui.views.preferences import set_language, set_theme

urlpatterns = [
    path("language/", set_language, name="set_language"),
    path("theme/", set_theme, name="set_theme"),
    path("ui/", gallery, name="gallery"),
]
