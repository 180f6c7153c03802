"""Routes of the pages of jobs and runs."""

from django.urls import path

from catalog import keys  # noqa: F401 - registers asset_key
from jobs.views.job import job
from jobs.views.job_run import job_run
from jobs.views.jobs import jobs
from jobs.views.run import run, run_again, run_cancel
from jobs.views.run_log import run_log, run_log_file
from jobs.views.schedules import schedule_pause, schedule_resume
from jobs.views.verify import metric_verify

urlpatterns = [
    path("jobs/", jobs, name="jobs"),
    path("jobs/<slug:key>/", job, name="job"),
    path("jobs/<slug:key>/run/", job_run, name="job_run"),
    path("jobs/<slug:key>/schedules/<int:schedule_id>/pause/", schedule_pause, name="schedule_pause"),
    path("jobs/<slug:key>/schedules/<int:schedule_id>/resume/", schedule_resume, name="schedule_resume"),
    path("runs/<int:number>/", run, name="run"),
    path("runs/<int:number>/log/", run_log, name="run_log"),
    path("runs/<int:number>/log.txt", run_log_file, name="run_log_file"),
    path("runs/<int:number>/cancel/", run_cancel, name="run_cancel"),
    path("runs/<int:number>/again/", run_again, name="run_again"),
    path("catalog/metrics/<asset_key:key>/verify/", metric_verify, name="metric_verify"),
]
