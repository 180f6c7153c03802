"""A66: nothing older is installed than what is known to be mended."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

FLOORS = tomllib.loads((Path(__file__).parent / "floors.toml").read_text())
LOCK = (Path(__file__).parents[2] / "requirements.lock").read_text()


@pytest.mark.parametrize("name", list(FLOORS))
def test_a66_the_installed_version_is_not_below_its_floor(name):
    installed = Version(version(name))
    assert installed >= Version(FLOORS[name]["least"]), FLOORS[name]["why"]
    if below := FLOORS[name].get("below"):
        assert installed < Version(below)


@pytest.mark.parametrize("name", list(FLOORS))
def test_a66_the_lock_is_not_below_its_floor(name):
    locked = re.search(rf"^{re.escape(name)}==(\S+)", LOCK, re.MULTILINE)
    assert locked, f"{name} is not in requirements.lock"
    assert Version(locked[1]) >= Version(FLOORS[name]["least"]), FLOORS[name]["why"]


def test_a66_every_line_of_the_lock_is_pinned_by_its_hash():
    pinned = re.findall(r"^[a-z0-9][\w.\-\[\]]*==\S+.*?(?=^\S|\Z)", LOCK, re.MULTILINE | re.DOTALL)
    assert len(pinned) > 50
    assert all("--hash=sha256:" in line for line in pinned)
