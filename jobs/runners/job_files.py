"""The kind ``job_files``: brings the jobs into step with their files (JOBS_FOLDER, JOBS_GIT_URL)."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict

from jobs.checkout import newest, without_password
from jobs.models import Job, Run
from jobs.runners.base import Context, Step
from portal.audit.actions import Actor
from portal.said import said


class JobFilesConfig(BaseModel):
    """Nothing to choose: the folder or the repository is the installation's."""

    model_config = ConfigDict(extra="forbid")


class FilesFaulty(Exception):
    """Some files cannot be taken over; the others were."""

    error_class = "bad_input"


class JobFilesRunner:
    """Read the files, take over each that is sound, and fail where one is not, so that somebody is told."""

    Config: type[BaseModel] = JobFilesConfig
    label = _("Job files")
    icon = "file"
    confined = False
    docs = _("Makes, changes and switches off the jobs that a folder of TOML and YAML files defines.")

    def steps(self, job: Job) -> list[Step]:
        """Return the steps; a repository is fetched first."""
        fetched = [Step("fetch", _("Fetch the newest commit"))] if settings.JOBS_GIT_URL else []
        return [*fetched, Step("sync", _("Read the files"))]

    def run(self, context: Context) -> dict[str, Any]:
        """Return how many jobs were created, changed, left and switched off, and the commit of a repository.

        Raises CheckoutFailed and FilesFaulty.
        """
        folder, commit = settings.JOBS_FOLDER, ""
        if settings.JOBS_GIT_URL:
            with context.step("fetch"):
                checkout = newest()
                folder, commit = str(checkout.folder), checkout.commit
                context.log.info("commit %s of %s", commit, without_password(settings.JOBS_GIT_URL))
        with context.step("sync"):
            # By path: actions stand above the kinds. Each file is a transaction of its own, and the same
            # files again change nothing, so that a body that is not heard any more does no harm.
            sync = import_string("jobs.actions.files.sync")
            synced = sync(folder=folder, by=Actor.system(context.job_key))
            for name in ("created", "changed", "switched_off"):
                for key in getattr(synced, name):
                    context.log.info("%s: %s", name.replace("_", " "), key)
            for fault in synced.faults:
                context.log.error("%s", fault)
        if synced.faults:
            raise FilesFaulty(_first_of([fault.told() for fault in synced.faults]))
        counts = {
            name: len(getattr(synced, name)) for name in ("created", "changed", "unchanged", "switched_off")
        }
        return {**counts, "commit": commit} if commit else counts

    def record(self, *, run: Run, outputs: dict[str, Any]) -> dict[str, Any]:
        """Keep the numbers."""
        return outputs


def _first_of(faults: Sequence[str]) -> str:
    if len(faults) == 1:
        return faults[0]
    return said("%(fault)s (and %(count)s more, see the log)", fault=faults[0], count=len(faults) - 1)
