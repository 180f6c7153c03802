"""The kind ``report``: an edition of texts, queries and metrics, with its files and its evidence."""

from contextlib import nullcontext
from typing import Any

from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from jobs.models import Job, Run
from jobs.runners.base import Context, Step
from jobs.runners.report.config import MetricSection, QuerySection, ReportConfig, TextSection
from jobs.runners.report.printing import Printed, write_files
from jobs.runners.report.recording import record_edition
from jobs.runners.report.sections import Computed, SectionFailed, compute_metric, compute_query
from jobs.runners.report.wording import CODES
from portal.said import joined, said
from portal.warehouse.port import Warehouse


class NothingToTell(Exception):
    """Not one section with figures could be computed, so there is no edition."""

    error_class = "bad_input"

    def __init__(self, reasons: str) -> None:
        super().__init__(said("No section could be computed: %(reasons)s", reasons=reasons))


class ReportRunner:
    """Compute section by section with the owner's rights, then write the files; what failed is said in it."""

    Config: type[BaseModel] = ReportConfig
    label = _("Report")
    icon = "file"
    confined = True
    docs = _("Puts texts, queries and metrics together to an edition: a page, a PDF, a spreadsheet and CSV.")

    def steps(self, job: Job) -> list[Step]:
        """Return the same two steps for every job."""
        return [Step("compute", _("Compute")), Step("write", _("Write"))]

    def run(self, context: Context) -> dict[str, Any]:
        """Return the sections as ``record`` takes them; the files are announced."""
        config: ReportConfig = context.config
        job = Job.objects.select_related("owner").get(key=context.job_key)
        asks = any(isinstance(section, QuerySection) for section in config.sections)
        with context.step("compute"), context.reading() if asks else nullcontext() as warehouse:
            printed = [
                self._section(context, warehouse, job, section, place)
                for place, section in enumerate(config.sections, start=1)
            ]
        figures = [each for each in printed if not isinstance(each.section, TextSection)]
        if figures and all(each.failed for each in figures):
            raise NothingToTell(joined("; ", [_shortly(each) for each in figures]))
        with context.step("write"):
            files = write_files(context, config, printed, owner=job.owner)
        return {"sections": [each.outputs() for each in printed], "files": files}

    def _section(
        self,
        context: Context,
        warehouse: Warehouse | None,
        job: Job,
        section: TextSection | QuerySection | MetricSection,
        place: int,
    ) -> Printed:
        config: ReportConfig = context.config
        context.progress((place - 1) / len(config.sections), section.name.partition(":")[2])
        if isinstance(section, TextSection):
            return Printed(section)
        try:
            computed = self._computed(context, warehouse, job, section)
        except SectionFailed as failure:
            context.log.warning("section %d (%s): %s", place, section.name, failure)
            return Printed(section, failed={"why": failure.why, "line": failure.line})
        context.log.info("section %d (%s): %d rows", place, section.name, len(computed.table.rows))
        return Printed(section, computed)

    def _computed(
        self, context: Context, warehouse: Warehouse | None, job: Job, section: QuerySection | MetricSection
    ) -> Computed:
        if isinstance(section, MetricSection):
            return compute_metric(section, owner=job.owner)
        if warehouse is None:
            raise RuntimeError("a query needs the warehouse")
        return compute_query(
            section,
            warehouse=warehouse,
            owner=job.owner,
            params=context.params,
            timeout=context.config.timeout,
        )

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Keep each figure's evidence and tell who is to be told; the run keeps where it is and no value."""
        return record_edition(run=run, outputs=outputs)


def _shortly(figure: Printed) -> str:
    code = CODES[figure.failed["why"]]
    return said("%(title)s (%(why)s)", title=figure.title("en"), why=said(code))
