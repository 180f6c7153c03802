"""Routes of the pages of jobs and runs."""

from django.urls import path

from catalog import keys  # noqa: F401 - registers asset_key
from jobs.views.artifact import artifact
from jobs.views.backfills import (
    backfill,
    backfill_again,
    backfill_cancel,
    backfill_new,
    backfill_pause,
    backfill_resume,
)
from jobs.views.data_triggers import (
    trigger_delete,
    trigger_edit,
    trigger_new,
    trigger_pause,
    trigger_resume,
)
from jobs.views.day import runs_day
from jobs.views.job import job
from jobs.views.job_edit import job_edit, job_make, job_new
from jobs.views.job_life import job_delete, job_switch
from jobs.views.job_run import job_run
from jobs.views.job_versions import job_restore, job_versions
from jobs.views.jobs import jobs
from jobs.views.peek import peek, peek_new
from jobs.views.query import query, query_cancel, query_file, query_new
from jobs.views.queues import pool_slots, queues
from jobs.views.report import report, report_edition, reports
from jobs.views.report_compare import report_compare
from jobs.views.report_edit import report_edit, report_new, report_preview
from jobs.views.report_evidence import report_evidence, report_evidence_file, report_evidence_verify
from jobs.views.run import run, run_again, run_again_after, run_cancel
from jobs.views.run_log import run_log, run_log_file
from jobs.views.runs import runs
from jobs.views.schedules import (
    schedule_delete,
    schedule_edit,
    schedule_new,
    schedule_pause,
    schedule_resume,
)
from jobs.views.secrets import secret_add, secret_delete, secret_replace, secrets
from jobs.views.source_files import (
    source_file_delete,
    source_files,
    source_folder_new,
    source_upload,
)
from jobs.views.verify import metric_verify

urlpatterns = [
    path("jobs/", jobs, name="jobs"),
    path("queues/", queues, name="queues"),
    path("queues/pools/<slug:key>/", pool_slots, name="pool_slots"),
    path("jobs/new/", job_new, name="job_new"),
    path("jobs/new/<slug:kind>/", job_make, name="job_make"),
    path("jobs/<slug:key>/", job, name="job"),
    path("jobs/<slug:key>/edit/", job_edit, name="job_edit"),
    path("jobs/<slug:key>/versions/", job_versions, name="job_versions"),
    path("jobs/<slug:key>/versions/<int:number>/restore/", job_restore, name="job_restore"),
    path("jobs/<slug:key>/switch/", job_switch, name="job_switch"),
    path("jobs/<slug:key>/delete/", job_delete, name="job_delete"),
    path("jobs/<slug:key>/run/", job_run, name="job_run"),
    path("jobs/<slug:key>/schedules/new/", schedule_new, name="schedule_new"),
    path("jobs/<slug:key>/schedules/<int:schedule_id>/", schedule_edit, name="schedule_edit"),
    path("jobs/<slug:key>/schedules/<int:schedule_id>/delete/", schedule_delete, name="schedule_delete"),
    path("jobs/<slug:key>/schedules/<int:schedule_id>/pause/", schedule_pause, name="schedule_pause"),
    path("jobs/<slug:key>/schedules/<int:schedule_id>/resume/", schedule_resume, name="schedule_resume"),
    path("jobs/<slug:key>/data/new/", trigger_new, name="trigger_new"),
    path("jobs/<slug:key>/data/<int:trigger_id>/", trigger_edit, name="trigger_edit"),
    path("jobs/<slug:key>/data/<int:trigger_id>/delete/", trigger_delete, name="trigger_delete"),
    path("jobs/<slug:key>/data/<int:trigger_id>/pause/", trigger_pause, name="trigger_pause"),
    path("jobs/<slug:key>/data/<int:trigger_id>/resume/", trigger_resume, name="trigger_resume"),
    path("jobs/<slug:key>/backfill/", backfill_new, name="backfill_new"),
    path("backfills/<int:backfill_id>/", backfill, name="backfill"),
    path("backfills/<int:backfill_id>/pause/", backfill_pause, name="backfill_pause"),
    path("backfills/<int:backfill_id>/resume/", backfill_resume, name="backfill_resume"),
    path("backfills/<int:backfill_id>/cancel/", backfill_cancel, name="backfill_cancel"),
    path("backfills/<int:backfill_id>/again/", backfill_again, name="backfill_again"),
    path("runs/", runs, name="runs"),
    path("runs/day/", runs_day, name="runs_day"),
    path("runs/<int:number>/", run, name="run"),
    path("runs/<int:number>/log/", run_log, name="run_log"),
    path("runs/<int:number>/log.txt", run_log_file, name="run_log_file"),
    path("runs/<int:number>/cancel/", run_cancel, name="run_cancel"),
    path("runs/<int:number>/again/", run_again, name="run_again"),
    path("runs/<int:number>/again/after/", run_again_after, name="run_again_after"),
    path("secrets/", secrets, name="secrets"),
    path("secrets/add/", secret_add, name="secret_add"),
    path("secrets/<slug:name>/replace/", secret_replace, name="secret_replace"),
    path("secrets/<slug:name>/delete/", secret_delete, name="secret_delete"),
    path("files/", source_files, name="source_files"),
    path("files/upload/", source_upload, name="source_upload"),
    path("files/folder/", source_folder_new, name="source_folder_new"),
    path("files/delete/", source_file_delete, name="source_file_delete"),
    path("files/look/", peek_new, name="peek_new"),
    path("files/look/<int:number>/", peek, name="peek"),
    path("runs/<int:number>/files/<uuid:pk>/", artifact, name="artifact"),
    path("reports/", reports, name="reports"),
    path("reports/new/", report_new, name="report_new"),
    path("reports/new/preview/", report_preview, name="report_preview"),
    path("reports/<slug:key>/", report, name="report"),
    path("reports/<slug:key>/edit/", report_edit, name="report_edit"),
    path("reports/<slug:key>/compare/", report_compare, name="report_compare"),
    path("reports/<slug:key>/<int:number>/", report_edition, name="report_edition"),
    path("reports/<slug:key>/<int:number>/evidence/<int:pk>/", report_evidence, name="report_evidence"),
    path(
        "reports/<slug:key>/<int:number>/evidence/<int:pk>/csv/",
        report_evidence_file,
        name="report_evidence_file",
    ),
    path(
        "reports/<slug:key>/<int:number>/evidence/<int:pk>/verify/",
        report_evidence_verify,
        name="report_evidence_verify",
    ),
    path("queries/", query_new, name="queries"),
    path("queries/<int:number>/", query, name="query"),
    path("queries/<int:number>/cancel/", query_cancel, name="query_cancel"),
    path("queries/<int:number>/result.csv", query_file, name="query_file"),
    path("catalog/metrics/<asset_key:key>/verify/", metric_verify, name="metric_verify"),
]
