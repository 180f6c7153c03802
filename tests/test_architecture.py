"""The house keeps its shape: sizes, names and the ways to an object."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("portal", "catalog", "jobs", "requests_app")
VAGUE_NAMES = {"utils.py", "helpers.py", "services.py", "common.py", "misc.py", "managers.py"}
TOP_LEVEL = {"portal", "requests_app", "catalog", "jobs", "tests", "manage.py", "docker-compose.yml"}


def modules() -> Iterator[Path]:
    for app in APPS:
        yield from (path for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)


def templates() -> Iterator[Path]:
    for app in APPS:
        yield from (ROOT / app).rglob("*.html")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_fixed_top_level_is_there() -> None:
    assert {name for name in TOP_LEVEL if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("path", sorted(modules()), ids=relative)
def test_a_module_stays_readable(path: Path) -> None:
    assert path.name not in VAGUE_NAMES
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", sorted(templates()), ids=relative)
def test_a_template_stays_readable(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 150


def test_imports_point_downward() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_no_module_imports_inside_a_function() -> None:
    found = [
        f"{relative(path)}:{inner.lineno}"
        for path in modules()
        for outer in ast.walk(ast.parse(path.read_text()))
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert found == []


def test_a_view_reaches_objects_only_by_what_the_reader_may_see() -> None:
    """In pages and API ``Model.objects`` is followed by visible_to, else an access module is asked."""
    shortcut = re.compile(r"\b[A-Z]\w+\.objects\.(?!visible_to\b)\w+")
    found = [
        f"{relative(path)}: {match.group(0)}"
        for app in ("catalog", "jobs", "requests_app")
        for folder in ("views", "api")
        for path in (ROOT / app / folder).rglob("*.py")
        for match in shortcut.finditer(path.read_text())
    ]
    assert found == []


def test_no_model_signals_glue_the_apps() -> None:
    found = [
        relative(path) for path in modules() if re.search(r"db\.models\.signals|post_save", path.read_text())
    ]
    assert found == []


MUTANTS = tomllib.loads((ROOT / "tests" / "faults" / "mutants.toml").read_text())["mutant"]


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant["id"] for mutant in MUTANTS])
def test_a_mutant_still_finds_what_it_takes_away(mutant: dict[str, Any]) -> None:
    patches = [(mutant["file"], mutant["old"]), *((each[0], each[1]) for each in mutant.get("also", []))]
    assert [(file, old) for file, old in patches if (ROOT / file).read_text().count(old) != 1] == []
    file, *names = mutant["test"].split("::")
    name = names[-1].partition("[")[0] if names else ""
    assert f"def {name}" in (ROOT / file).read_text()
