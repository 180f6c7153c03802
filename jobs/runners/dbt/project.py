"""Where a project lies, and whether dbt is here to run it."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import yaml
from django.conf import settings

from jobs.choices import ErrorClass
from jobs.runners.sources import plain_parts
from portal.said import said

_LARGEST: Final = 1_000_000


class DbtRefused(Exception):
    """The project or its job may not run as it is; trying again would not help."""

    def __init__(self, message: str, error_class: ErrorClass = ErrorClass.SETTINGS) -> None:
        super().__init__(message)
        self.error_class = error_class


def not_installed() -> str:
    """Return what is to be installed first; "" where dbt is here. It is not loaded for that."""
    try:
        version("dbt-core")
        version("dbt-duckdb")
    except PackageNotFoundError:
        return said("dbt is not installed here: install what requirements-dbt.lock names (make install-dbt).")
    return ""


def find_project(path: str) -> Path:
    """Return the project's folder; raises DbtRefused where it leads out of DBT_FOLDER or is none."""
    root = folder = Path(settings.DBT_FOLDER).resolve()
    for part in plain_parts(path):
        folder /= part
        if folder.is_symlink():
            message = said(
                "«%(path)s»: %(part)s is a link; put the folder itself there.", path=path, part=part
            )
            raise DbtRefused(message)
    if not (folder / "dbt_project.yml").is_file():
        message = said(
            "«%(path)s»: there is no dbt_project.yml in %(folder)s (DBT_FOLDER is %(root)s).",
            path=path,
            folder=folder,
            root=root,
        )
        raise DbtRefused(message)
    _require_packages(folder, path)
    return folder


def _require_packages(folder: Path, path: str) -> None:
    """Raise DbtRefused where the project names packages that are not there: nothing is fetched by a run."""
    named = any(_read(folder / name).get("packages") for name in ("packages.yml", "dependencies.yml"))
    place = str(_read(folder / "dbt_project.yml").get("packages-install-path") or "dbt_packages")
    if named and not (folder / place).is_dir():
        message = said(
            "«%(path)s» names packages, and there is no %(place)s in it: run «dbt deps» where the project is "
            "kept. A run fetches nothing.",
            path=path,
            place=place,
        )
        raise DbtRefused(message)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file() or path.stat().st_size > _LARGEST:
        return {}
    try:
        found = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError):
        # dbt says better what is wrong with it.
        return {}
    return found if isinstance(found, dict) else {}
