"""Programs that begin as copies of what keeps them running."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from portal.launch.ahead import NOWHERE
from tests.stack import ROOT

STARTER = """
import os, signal, subprocess, sys, time
from portal.launch.copies import Copy

def copied(module, *arguments, **env):
    output = os.open("output", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    copy = Copy(module, arguments, env=env, output=output, sockets=(), first=lambda: None)
    os.close(output)
    return copy

"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a program to copy: it tells what it has, and ends as its first argument says."""
    tmp_path.joinpath("told.py").write_text(
        textwrap.dedent(
            """
            import os, signal, sys, time
            assert __name__ == "__main__"
            print(sys.argv, sorted(os.environ.items()), os.getsid(0) == os.getpid())
            usual = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
            print(sorted(os.listdir("/proc/self/fd")), os.read(0, 1), usual, flush=True)
            eval(sys.argv[1])
            """
        )
    )
    return tmp_path


def started(folder: Path, script: str) -> tuple[str, str]:
    """Run a starter; return what it printed and what its copies wrote."""
    done = subprocess.run(
        [sys.executable, "-c", STARTER + textwrap.dedent(script)],
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT}:{folder}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), folder.joinpath("output").read_text()


def test_it_is_the_program_with_its_own_arguments_environment_and_descriptors(folder: Path) -> None:
    said, told = started(
        folder,
        """
        signal.signal(signal.SIGTERM, lambda *_: None)
        lock = open("lock", "w")
        print(copied("told", "sys.exit(3)", ONE="1").wait(10))
        """,
    )
    assert said == "3"
    first, second = told.splitlines()
    assert first == f"[{str(folder / 'told.py')!r}, 'sys.exit(3)'] [('ONE', '1')] True"
    # The fourth is the listing itself: neither the starter's lock nor a pipe of its keeper's is left.
    assert second == "['0', '1', '2', '3'] b'' True"


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("sys.exit()", 0),
        ("None", 0),
        ("sys.exit('data-desk: DATABASE_URL is wrong')", 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("1 / 0", 1),
    ],
)
def test_its_end_is_known(folder: Path, ending: str, code: int) -> None:
    said, told = started(folder, f"print(copied('told', {ending!r}).wait(10))")
    assert said == str(code)
    assert ("DATABASE_URL is wrong" in told) is ("DATABASE_URL" in ending)
    assert ("ZeroDivisionError" in told) is (ending == "1 / 0")


def test_one_that_runs_on_is_waited_for_only_so_long_and_can_be_ended(folder: Path) -> None:
    said, _ = started(
        folder,
        """
        for end in (Copy.terminate, Copy.kill):
            copy = copied("told", "time.sleep(60)")
            try:
                copy.wait(0.3)
            except subprocess.TimeoutExpired:
                print(copy.poll(), copy.returncode)
            end(copy)
            print(copy.wait(10), copy.poll())
        """,
    )
    assert said.splitlines() == ["None None", "-15 -15", "None None", "-9 -9"]


def test_what_it_leaves_behind_does_not_keep_its_end_a_secret(folder: Path) -> None:
    said, _ = started(
        folder,
        """
        copy = copied("told", "os.fork() or time.sleep(60)")
        print(copy.wait(10))
        os.killpg(copy.pid, signal.SIGKILL)
        """,
    )
    assert said == "0"


def test_what_is_loaded_for_them_begins_no_thread_and_no_connection(tmp_path: Path) -> None:
    script = """
    import os
    from portal.launch.copies import load
    load()
    from django.db import connection
    opened = [each for each in os.listdir("/proc/self/fd") if int(each) > 3]
    print(len(os.listdir("/proc/self/task")), connection.connection, opened)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        env=NOWHERE | {"VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == ("1 None []", 0), done.stderr
