"""Routes of the API of jobs and runs."""

from django.urls import path

from jobs.api import views

urlpatterns = [
    path("jobs", views.JobsView.as_view(), name="api_jobs"),
    path("jobs/<slug:key>", views.JobView.as_view(), name="api_job"),
    path("jobs/<slug:key>/runs", views.JobRunsView.as_view(), name="api_job_runs"),
    path("runs", views.RunsView.as_view(), name="api_runs"),
    path("runs/<uuid:run_id>", views.RunView.as_view(), name="api_run"),
    path("runs/<uuid:run_id>/log", views.RunLogView.as_view(), name="api_run_log"),
    path("runs/<uuid:run_id>/cancel", views.RunCancelView.as_view(), name="api_run_cancel"),
]
