"""Job files from a Git repository: the newest commit of a real one, over file and HTTP."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from dulwich import porcelain

from jobs.actions.housekeeping import READ_JOB_FILES, register_system_jobs
from jobs.checkout import CheckoutFailed, check_out, without_password
from jobs.models import Job
from portal import configuration as conf

TOML = """
[[jobs]]
key = "load-orders"
kind = "metric_refresh"
name_en = "Load orders"
config = { dataset = "ops.raw" }
"""
WHO = b"Dan <dan@example.com>"


class Repository:
    """A repository on disk, to commit to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"file://{folder}"
        porcelain.init(str(folder))

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            path = self.folder / "team" / f"{name}.toml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            porcelain.add(str(self.folder), paths=[str(path)])
        made = porcelain.commit(str(self.folder), message=b"Change", author=WHO, committer=WHO)
        return made.decode()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def test_the_newest_commit_is_laid_out_and_used_again(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit(orders=TOML)
    below = tmp_path / "below"
    found = check_out(repository.url, branch="", folder="team", below=below)
    assert (found.commit, found.folder.name) == (first, "team")
    assert (found.folder / "orders.toml").read_text() == TOML
    (found.folder / "mark").touch()
    assert (check_out(repository.url, branch="", folder="team", below=below).folder / "mark").exists()
    second = repository.commit(orders="jobs = []")
    found = check_out(repository.url, branch="", folder="", below=below)
    assert found.commit == second
    assert (found.folder / "team" / "orders.toml").read_text() == "jobs = []"


def test_old_layouts_go(repository: Repository, tmp_path: Path) -> None:
    for number in range(4):
        commit = repository.commit(orders=f"# {number}")
        check_out(repository.url, branch="", folder="", below=tmp_path / "below")
    kept = [path.name for path in (tmp_path / "below").iterdir()]
    assert len(kept) == 2
    assert commit in kept


def test_a_link_is_a_file_and_leads_nowhere(repository: Repository, tmp_path: Path) -> None:
    repository.commit(orders=TOML)
    link = repository.folder / "team" / "passwords.toml"
    link.symlink_to("/etc/passwd")
    porcelain.add(str(repository.folder), paths=[str(link)])
    repository.commit(more=TOML)
    found = check_out(repository.url, branch="", folder="team", below=tmp_path / "below")
    assert not (found.folder / "passwords.toml").is_symlink()
    assert "root:" not in (found.folder / "passwords.toml").read_text()


@pytest.mark.parametrize(
    ("change", "says", "whose"),
    [
        ({"branch": "none"}, "it has no branch 'none'", "settings"),
        ({"folder": "none"}, "has no folder 'none'", "settings"),
        ({"folder": "../.."}, "has no folder", "settings"),
        ({"url": "file:///nowhere/at/all"}, "No git repository was found", "settings"),
        ({"url": "http://dan:secret@127.0.0.1:1/jobs.git"}, "http://127.0.0.1:1/jobs.git: ", "elsewhere"),
    ],
)
def test_what_cannot_be_read_is_said_without_passwords(
    repository: Repository, tmp_path: Path, change: dict[str, str], says: str, whose: str
) -> None:
    repository.commit(orders=TOML)
    given = {"url": repository.url, "branch": "", "folder": ""} | change
    url = given.pop("url")
    with pytest.raises(CheckoutFailed, match=says) as refused:
        check_out(url, **given, below=tmp_path / "below")
    assert "secret" not in str(refused.value)
    assert refused.value.error_class == whose


def test_a_repository_of_large_files_is_refused(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.checkout.LARGEST", 20_000)
    repository.commit(orders="#" * 30_000)
    with pytest.raises(CheckoutFailed, match="holds more than"):
        check_out(repository.url, branch="", folder="", below=tmp_path / "below")
    assert [path for path in (tmp_path / "below").iterdir() if path.is_dir()] == []


def test_an_address_is_shown_without_who_reads_it() -> None:
    assert (
        without_password("https://dan:secret@git.example.com/jobs.git") == "https://git.example.com/jobs.git"
    )
    assert without_password("git@example.com:team/jobs.git") == "git@example.com:team/jobs.git"


@pytest.mark.parametrize(
    "address", ["ext::sh -c touch", "--upload-pack=x", "/srv/jobs.git", "ftp://example.com/x"]
)
def test_an_address_that_is_none_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_GIT_URL", address)
    with pytest.raises(conf.ConfigurationError, match="JOBS_GIT_URL"):
        conf.git_address("JOBS_GIT_URL")


@pytest.mark.django_db
class TestTheJob:
    @pytest.fixture(autouse=True)
    def _installed(self, repository: Repository, settings: Any, tmp_path: Path) -> None:
        settings.VAR = tmp_path / "var"
        settings.VAR.mkdir()
        settings.JOBS_GIT_URL = repository.url
        settings.JOBS_GIT_FOLDER = "team"

    def test_the_command_takes_the_commit_over(self, repository: Repository) -> None:
        commit = repository.commit(orders=TOML)
        out = StringIO()
        call_command("sync_jobs", stdout=out)
        assert f"commit {commit}" in out.getvalue()
        assert Job.objects.get(key="load-orders").origin == "orders.toml"

    def test_a_repository_that_is_away_changes_nothing(self, repository: Repository, settings: Any) -> None:
        repository.commit(orders=TOML)
        call_command("sync_jobs", stdout=StringIO())
        settings.JOBS_GIT_URL = "file:///nowhere/at/all"
        with pytest.raises(CommandError, match="No git repository"):
            call_command("sync_jobs", stdout=StringIO())
        assert Job.objects.get(key="load-orders").enabled

    def test_its_job_is_there(self) -> None:
        register_system_jobs()
        assert Job.objects.get(key=READ_JOB_FILES.key).enabled
