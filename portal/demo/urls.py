"""Routes of portal.demo."""

from django.urls import path

from portal.demo.views import demo_sign_in

urlpatterns = [
    path("demo/sign-in/", demo_sign_in, name="demo_sign_in"),
]
