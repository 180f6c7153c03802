"""docs/kinds.md: its examples are files that the portal reads, and it names every kind that people make."""

import re
from pathlib import Path

import pytest

from jobs.checks import problems
from jobs.job_files import read_folder
from jobs.kinds import all_kinds
from jobs.runners.registry import SYSTEM_KINDS
from tests.conftest import Cast
from tests.stack import ROOT

PAGE = (ROOT / "docs/kinds.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_every_kind_is_named() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert named == {kind.key for kind in all_kinds()} - SYSTEM_KINDS


def test_every_kind_whose_row_says_below_has_its_example() -> None:
    below = re.findall(r"^\| `(\w+)` \|.*\| below \|$", PAGE, re.MULTILINE)
    assert below
    assert sorted(re.findall(r"kind: (\w+)", "".join(EXAMPLES))) == sorted(below)


@pytest.mark.parametrize("example", EXAMPLES, ids=[re.findall(r"kind: (\w+)", each)[0] for each in EXAMPLES])
def test_an_example_is_read_and_fits(cast: Cast, tmp_path: Path, example: str) -> None:
    tmp_path.joinpath("jobs.yaml").write_text(example)
    (file,) = read_folder(tmp_path)
    assert file.faults == []
    (definition,) = file.definitions
    # What it comes after is another example's, or the reader's own.
    assert [each for each in problems(definition) if each["field"] != "after"] == []
