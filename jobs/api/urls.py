"""Routes of the API of jobs and runs."""

from uuid import UUID

from django.urls import path, register_converter

from jobs.api import (
    alert_views,
    backfill_views,
    chain_views,
    definition_views,
    file_views,
    pool_views,
    query_views,
    report_views,
    schedule_views,
    switch_views,
    version_views,
    views,
)


class RunConverter:
    """A run's id, or its number as people say it."""

    regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9]{1,19}"

    def to_python(self, value: str) -> UUID | int:
        """Return the one or the other."""
        return int(value) if value.isdigit() else UUID(value)

    def to_url(self, value: UUID | int | str) -> str:
        """Return it as it stands in an address."""
        return str(value)


register_converter(RunConverter, "run")

urlpatterns = [
    path("jobs", views.JobsView.as_view(), name="api_jobs"),
    path("jobs/<slug:key>", views.JobView.as_view(), name="api_job"),
    path(
        "jobs/<slug:key>/definition",
        definition_views.JobDefinitionView.as_view(),
        name="api_job_definition",
    ),
    path("jobs/<slug:key>/versions", version_views.VersionsView.as_view(), name="api_job_versions"),
    path(
        "jobs/<slug:key>/versions/<int:number>", version_views.VersionView.as_view(), name="api_job_version"
    ),
    path(
        "jobs/<slug:key>/versions/<int:number>/restore",
        version_views.VersionRestoreView.as_view(),
        name="api_job_version_restore",
    ),
    path("jobs/<slug:key>/enable", switch_views.JobEnableView.as_view(), name="api_job_enable"),
    path("jobs/<slug:key>/disable", switch_views.JobDisableView.as_view(), name="api_job_disable"),
    path("jobs/<slug:key>/runs", views.JobRunsView.as_view(), name="api_job_runs"),
    path("jobs/<slug:key>/schedules", schedule_views.SchedulesView.as_view(), name="api_schedules"),
    path(
        "jobs/<slug:key>/schedules/<int:schedule_id>",
        schedule_views.ScheduleView.as_view(),
        name="api_schedule",
    ),
    path(
        "jobs/<slug:key>/schedules/<int:schedule_id>/pause",
        schedule_views.SchedulePauseView.as_view(),
        name="api_schedule_pause",
    ),
    path(
        "jobs/<slug:key>/schedules/<int:schedule_id>/resume",
        schedule_views.ScheduleResumeView.as_view(),
        name="api_schedule_resume",
    ),
    path("jobs/<slug:key>/data", schedule_views.DataTriggersView.as_view(), name="api_data_triggers"),
    path(
        "jobs/<slug:key>/data/<int:trigger_id>",
        schedule_views.DataTriggerView.as_view(),
        name="api_data_trigger",
    ),
    path("jobs/<slug:key>/backfills", backfill_views.JobBackfillsView.as_view(), name="api_job_backfills"),
    path("backfills/<int:backfill_id>", backfill_views.BackfillView.as_view(), name="api_backfill"),
    path(
        "backfills/<int:backfill_id>/pause",
        backfill_views.BackfillPauseView.as_view(),
        name="api_backfill_pause",
    ),
    path(
        "backfills/<int:backfill_id>/resume",
        backfill_views.BackfillResumeView.as_view(),
        name="api_backfill_resume",
    ),
    path(
        "backfills/<int:backfill_id>/cancel",
        backfill_views.BackfillCancelView.as_view(),
        name="api_backfill_cancel",
    ),
    path(
        "backfills/<int:backfill_id>/again",
        backfill_views.BackfillAgainView.as_view(),
        name="api_backfill_again",
    ),
    path("alerts", alert_views.AlertsView.as_view(), name="api_alerts"),
    path("runs", views.RunsView.as_view(), name="api_runs"),
    path("runs/<run:run_id>", views.RunView.as_view(), name="api_run"),
    path("runs/<run:run_id>/log", views.RunLogView.as_view(), name="api_run_log"),
    path("runs/<run:run_id>/cancel", views.RunCancelView.as_view(), name="api_run_cancel"),
    path("runs/<run:run_id>/again", views.RunAgainView.as_view(), name="api_run_again"),
    path(
        "runs/<run:run_id>/again/after",
        chain_views.RunAgainAfterView.as_view(),
        name="api_run_again_after",
    ),
    path("runs/<run:run_id>/artifacts", views.RunArtifactsView.as_view(), name="api_run_artifacts"),
    path("runs/<run:run_id>/artifacts/<uuid:pk>", views.RunArtifactView.as_view(), name="api_run_artifact"),
    path("pools", pool_views.PoolsView.as_view(), name="api_pools"),
    path("pools/<slug:key>", pool_views.PoolView.as_view(), name="api_pool"),
    path("reports", report_views.ReportsView.as_view(), name="api_reports"),
    path("reports/<slug:key>", report_views.ReportView.as_view(), name="api_report"),
    path("reports/<slug:key>/editions", report_views.EditionsView.as_view(), name="api_editions"),
    path("reports/<slug:key>/editions/<int:number>", report_views.EditionView.as_view(), name="api_edition"),
    path(
        "reports/<slug:key>/editions/<int:number>/files/<slug:format>",
        report_views.EditionFileView.as_view(),
        name="api_report_file",
    ),
    path("files", file_views.FilesView.as_view(), name="api_files"),
    path("files/<path:path>", file_views.FileView.as_view(), name="api_file"),
    path("queries", query_views.QueriesView.as_view(), name="api_queries"),
    path("queries/<int:number>", query_views.QueryView.as_view(), name="api_query"),
]
