"""The job files of a Git repository: fetch its newest commit and lay it out as a folder to read.

Dulwich fetches. Nothing of the repository is ever run, neither hooks nor filters nor submodules; its files
come out of an archive in which a link is a file with a path in it.
"""

import io
import os
import re
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import urllib3
from django.conf import settings
from dulwich.archive import tar_stream
from dulwich.client import GitClient, get_transport_and_path
from dulwich.errors import GitProtocolError, NotGitRepository
from dulwich.object_store import BaseObjectStore
from dulwich.objects import Commit, ObjectID, Tree
from dulwich.refs import Ref
from dulwich.repo import MemoryRepo

from jobs.choices import ErrorClass
from portal.said import said

# Job files are texts; whoever points at a repository of pictures by mistake is told so.
LARGEST: Final = 50_000_000
_SECONDS: Final = 20.0
_COMMIT: Final = re.compile(r"[0-9a-f]{40,64}")
# Older layouts may still be read by a run that began before.
_KEPT: Final = 2
_FAILURES: Final = (GitProtocolError, NotGitRepository, urllib3.exceptions.HTTPError, OSError, ValueError)


class CheckoutFailed(Exception):
    """The repository cannot be read; the message says why, without passwords."""

    def __init__(self, message: str, error_class: ErrorClass = ErrorClass.ELSEWHERE) -> None:
        super().__init__(message)
        self.error_class = error_class


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit and the folder in which its files lie."""

    commit: str
    folder: Path


def check_out(url: str, *, branch: str, folder: str, below: Path) -> Checkout:
    """Return the newest commit of the branch ("": the repository's own), laid out in a folder ``below``.

    ``folder`` is the part of the repository to read, "" for all of it. What an earlier call laid out is used
    again. Raises CheckoutFailed.
    """
    below.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        client, path = _connect(url)
        commit = _newest(client, path, branch)
        laid_out = below / commit.decode()
        if not laid_out.is_dir():
            _lay_out(_archive(client, path, commit), laid_out)
    except _FAILURES as error:
        words = str(error).replace(url, without_password(url)) or type(error).__name__
        # An address that leads nowhere leads nowhere the next time too.
        lost = isinstance(error, NotGitRepository | ValueError)
        message = f"{without_password(url)}: {words[:500]}"
        raise CheckoutFailed(message, ErrorClass.SETTINGS if lost else ErrorClass.ELSEWHERE) from error
    _clear(below, laid_out)
    wanted = (laid_out / folder).resolve()
    if not wanted.is_relative_to(laid_out.resolve()) or not wanted.is_dir():
        message = said(
            "the repository has no folder '%(folder)s' in %(commit)s",
            folder=folder,
            commit=laid_out.name[:12],
        )
        raise CheckoutFailed(message, ErrorClass.SETTINGS)
    return Checkout(laid_out.name, wanted)


def newest() -> Checkout:
    """Return the newest commit of the installation's repository (JOBS_GIT_URL, _BRANCH, _FOLDER)."""
    return check_out(
        settings.JOBS_GIT_URL,
        branch=settings.JOBS_GIT_BRANCH,
        folder=settings.JOBS_GIT_FOLDER,
        below=Path(settings.VAR) / "job-files",
    )


def without_password(url: str) -> str:
    """Return the address as it may be shown: without the name and password of whoever reads it."""
    host = urlsplit(url).netloc.rpartition("@")
    return url.replace(f"{host[0]}@", "", 1) if host[1] else url


def _connect(url: str) -> tuple[GitClient, str]:
    """Return who speaks to the repository, and its path there; a server that is silent is given up."""
    if url.startswith(("http://", "https://")):
        return get_transport_and_path(url, pool_manager=urllib3.PoolManager(timeout=_SECONDS, retries=2))
    return get_transport_and_path(url, ssh_command="ssh -o BatchMode=yes -o ConnectTimeout=20")


def _newest(client: GitClient, path: str, branch: str) -> ObjectID:
    refs = client.get_refs(path.encode()).refs
    commit = refs.get(Ref(f"refs/heads/{branch}".encode() if branch else b"HEAD"))
    if commit is None or not _COMMIT.fullmatch(commit.decode()):
        message = said("it has no branch '%(branch)s'", branch=branch) if branch else said("it has no commit")
        raise CheckoutFailed(message, ErrorClass.SETTINGS)
    return commit


def _archive(client: GitClient, path: str, commit: ObjectID) -> bytes:
    """Fetch this commit alone, without what came before, and return its files as a tar."""
    fetched = MemoryRepo()

    def wanted(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:
        return [commit]

    client.fetch(path.encode(), fetched, determine_wants=wanted, depth=1)
    store: BaseObjectStore = fetched.object_store
    found = store[commit]
    tree = store[found.tree] if isinstance(found, Commit) else None
    if not isinstance(tree, Tree):
        raise CheckoutFailed(said("%(commit)s is no commit", commit=commit.decode()[:12]))
    packed = bytearray()
    for piece in tar_stream(store, tree, mtime=0):
        packed += piece
        if len(packed) > LARGEST:
            message = said("the repository holds more than %(most)s MB", most=LARGEST // 1_000_000)
            raise CheckoutFailed(message, ErrorClass.SETTINGS)
    return bytes(packed)


def _lay_out(archive: bytes, folder: Path) -> None:
    """Unpack beside the folder and rename: a reader sees all files of a commit or none."""
    beside = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            packed.extractall(beside, filter="data")
        beside.rename(folder)
    except (tarfile.TarError, OSError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        if not folder.is_dir():
            raise CheckoutFailed(said("the files cannot be laid out: %(why)s", why=error)) from error


def _clear(below: Path, newest: Path) -> None:
    old = [path for path in below.iterdir() if _COMMIT.fullmatch(path.name) and path != newest]
    for path in sorted(old, key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
