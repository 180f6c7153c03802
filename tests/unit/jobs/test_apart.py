"""What is done apart reaches no file but those it was given, whatever the engine lets through."""

import ctypes
from pathlib import Path

import duckdb
import pytest

from jobs.runners.apart import apart


@pytest.mark.skipif(
    ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) < 1, reason="this kernel has no Landlock"
)
def test_files_that_were_not_given_stay_closed(tmp_path: Path) -> None:
    given, staging, other = (tmp_path / name for name in ("given", "staging", "other"))
    for folder in (given, staging, other):
        folder.mkdir()
        (folder / "a.txt").write_text(folder.name)
    (given / "link.txt").symlink_to(other / "a.txt")
    with apart(read=[given], write=[staging]) as there:
        assert there((given / "a.txt").read_text) == "given"
        for path in (other / "a.txt", given / "link.txt", Path("/etc/passwd")):
            with pytest.raises(PermissionError):
                there(path.read_text)
        with pytest.raises(PermissionError):
            there(lambda: (given / "b.txt").write_text("x"))
        there(lambda: (staging / "b.txt").write_text("x"))
        # The engine's own threads too, even where nothing in the engine is locked.
        connection = there(lambda: duckdb.connect(config={"threads": 4}))
        read = f"SELECT content FROM read_text(['{given}/a.txt', '{other}/a.txt'])"  # noqa: S608
        with pytest.raises(duckdb.IOException, match="Permission denied"):
            there(lambda: connection.execute(read).fetchall())
        with pytest.raises(duckdb.IOException, match="Permission denied"):
            there(lambda: connection.execute(f"COPY (SELECT 1) TO '{other}/stolen.parquet'"))
        there(connection.close)
    # Outside it nothing has changed.
    assert (other / "a.txt").read_text() == "other"


def test_what_goes_wrong_there_is_raised_here(tmp_path: Path) -> None:
    with apart() as there, pytest.raises(ZeroDivisionError):
        there(lambda: 1 // 0)
