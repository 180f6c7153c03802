"""The engine's extensions: a process checks their signatures once, and again where a file changed."""

import shutil
from pathlib import Path

import duckdb
import pytest

from portal.warehouse import attaching
from portal.warehouse.attaching import attach
from portal.warehouse.errors import WarehouseUnavailable
from tests.lake import Lake


def forged(path: str) -> bytes:
    """Return an extension whose signature, its last 256 bytes, is another one."""
    content = bytearray(Path(path).read_bytes())
    content[-1] ^= 1
    return bytes(content)


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the process load DuckLake from a file of the test's, whose signature it has not checked."""
    real = attaching._extension
    copy = tmp_path / "ducklake.duckdb_extension"
    shutil.copy(real("duckdb_extension_ducklake", "ducklake"), copy)
    monkeypatch.setattr(
        attaching,
        "_extension",
        lambda package, name: str(copy) if name == "ducklake" else real(package, name),
    )
    monkeypatch.setattr(attaching, "_verified", {})
    return copy


def test_the_first_connection_checks_and_every_later_one_takes_no_other_file(
    lake: Lake, copied: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.duckdb_extension"
    other.write_bytes(forged(attaching._extension("duckdb_extension_postgres_scanner", "postgres_scanner")))
    for _ in range(2):
        connection = attach(read_only=False, snapshot=None)
        with pytest.raises(duckdb.Error, match="signature"):
            connection.execute(f"LOAD '{other}'")
        with pytest.raises(duckdb.Error, match="allow_unsigned_extensions"):
            connection.execute("SET allow_unsigned_extensions = true")
        connection.close()
    assert str(copied) in attaching._verified


def test_a_file_that_changed_under_a_running_process_is_checked_again(lake: Lake, copied: Path) -> None:
    attach(read_only=False, snapshot=None).close()
    attach(read_only=False, snapshot=None).close()
    content = forged(str(copied))
    # A new file at the old path, as an installer writes it.
    copied.unlink()
    copied.write_bytes(content)
    with pytest.raises(WarehouseUnavailable):
        attach(read_only=False, snapshot=None)
