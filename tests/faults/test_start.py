"""Starting and stopping with real processes: wrong settings, neighbours, kills and leftovers."""

import os
import shutil
import signal
import socket
import stat
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portal.embedded import confine, servers
from portal.embedded.places import Places
from portal.embedded.postgres import Postgres
from portal.embedded.process import EmbeddedError, start_time, stop, wait_until
from portal.embedded.valkey import Valkey
from tests.faults.launcher import READY, Desk, listening_ports
from tests.stack import free_port

pytestmark = [pytest.mark.fault, pytest.mark.xdist_group("start")]

Desks = Callable[..., Desk]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a portal that was started once, with all its migrations, and stopped."""
    one = Desk(tmp_path_factory.mktemp("first") / "var")
    try:
        one.start().ready()
        assert one.stop() == 0
    finally:
        one.clean_up()
    return one.var


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desks]:
    """Make portals that are cleaned away in the end; ``second`` ones have started before."""
    made: list[Desk] = []

    def make(name: str = "var", *options: str, second: bool = False, **settings: str) -> Desk:
        if second:
            shutil.copytree(request.getfixturevalue("prepared"), tmp_path / name, symlinks=True)
        made.append(Desk(tmp_path / name, *options, **settings))
        return made[-1]

    yield make
    for one in made:
        one.clean_up()


def status(url: str) -> int:
    # The port is the supervisor's: who asks while the web starts again waits until it answers.
    with urllib.request.urlopen(url, timeout=60) as answer:
        return int(answer.status)


def own(name: str) -> str:
    return os.environ[name]


def wrong_password(name: str) -> str:
    before, _, after = own(name).rpartition("@")
    return f"{before.rpartition(':')[0]}:secret-guess@{after}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres:secret-guess"),
        ("DATABASE_URL", "mysql://u:secret-guess@127.0.0.1/d"),
        ("DATABASE_URL", "postgresql://u:secret-guess@127.0.0.1:1/d"),
        ("DATABASE_URL", "postgresql://u:secret-guess@127.0.0.1:port/d"),
        ("DATABASE_URL", "postgresql://u:secret-guess@/"),
        ("REDIS_URL", "redis:secret-guess"),
        ("REDIS_URL", "http://127.0.0.1"),
        ("REDIS_URL", "redis://:secret-guess@127.0.0.1:1/0"),
        ("REDIS_URL", "redis://:secret-guess@127.0.0.1:port/0"),
    ],
)
def test_a_wrong_address_is_one_sentence_that_names_the_variable(desk: Desks, name: str, value: str) -> None:
    code, output = desk(**{name: value}).run()
    assert code == 1
    assert output.startswith("data-desk: ")
    assert output.count("\n") == 1
    assert name in output
    assert "secret-guess" not in output


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
@pytest.mark.skipif("@%2F" not in os.environ["DATABASE_URL"], reason="needs the embedded servers")
def test_a_wrong_password_is_one_sentence_that_names_the_variable(desk: Desks, name: str) -> None:
    code, output = desk(**{name: wrong_password(name)}).run()
    assert (code, output.count("\n")) == (1, 1)
    assert output.startswith(f"data-desk: {name}")
    assert "secret-guess" not in output


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "eighty"), ("PORT", "70000"), ("MODE", "dmeo"), ("SECRET_KEY", "short")]
)
def test_a_wrong_setting_is_one_sentence_that_names_the_variable(desk: Desks, name: str, value: str) -> None:
    one = desk()
    one.environment[name] = value
    code, output = one.run()
    assert (code, output.count("\n")) == (1, 1)
    assert name in output


def test_a_taken_port_is_said_with_the_variable_that_changes_it(desk: Desks) -> None:
    with socket.socket() as neighbour:
        neighbour.bind(("127.0.0.1", 0))
        neighbour.listen()
        port = neighbour.getsockname()[1]
        one = desk(PORT=str(port))
        code, output = one.run()
    assert code == 1
    assert output.count("\n") == 1
    assert f"port {port}" in output
    assert "PORT=" in output
    assert one.processes() == set()


def test_two_run_side_by_side_and_only_their_webs_listen(desk: Desks) -> None:
    """A16: the servers have no TCP port; a second one in the same folder is told who is there."""
    first, second = desk("one", second=True).start(), desk("two", second=True).start()
    for one in (first, second):
        one.ready()
        assert status(f"{one.url}/livez") == 200
        assert listening_ports(one.processes() | server_pids(one)) == {("0100007F", one.port)}
    assert first.process is not None
    code, output = desk("one", PORT=str(free_port())).run()
    assert code == 1
    assert f"process {first.process.pid} runs Data Desk" in output
    assert first.stop() == 0
    assert status(f"{second.url}/livez") == 200
    assert second.stop(signal.SIGTERM) == 0
    for one in (first, second):
        assert one.processes() == set()
        assert server_pids(one) == set()


def test_what_is_written_is_for_its_owner_only(prepared: Path) -> None:
    for path in [prepared, *prepared.rglob("*")]:
        inside = path.relative_to(prepared).parts
        if path.is_symlink() or inside[:2] == ("postgres", "data") or inside[:1] == ("static",):
            continue
        allowed = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) & ~allowed == 0, path


def test_after_kill_9_of_the_supervisor_the_next_start_takes_the_servers_over(desk: Desks) -> None:
    first = desk(second=True).start().ready()
    before = server_pids(first)
    assert len(before) == 2
    assert first.process is not None
    first.process.kill()
    first.process.wait()
    assert wait_until(lambda: not first.processes(), seconds=45), "web, worker or clock live on"
    assert server_pids(first) == before
    folders = (first.var, first.var / "lake")
    for folder in folders:
        folder.chmod(0o777)
    second = desk(PORT=str(first.port)).start().ready()
    assert "taken over" in second.output
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700, 0o700], "A47"
    assert server_pids(second) == before
    assert second.stop() == 0
    assert server_pids(second) == set()


def test_a_child_that_dies_is_started_again(desk: Desks) -> None:
    one = desk(second=True).start().ready()
    web = next(
        pid for pid in one.processes() if b"data-desk-web" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    web = oldest_of_session(web)
    os.kill(web, signal.SIGKILL)
    one.wait_for("web ended by signal SIGKILL; starting it again")
    assert status(f"{one.url}/livez") == 200
    assert one.stop() == 0


def test_make_dev_starts_too(desk: Desks) -> None:
    one = desk("var", "--reload", second=True).start().ready()
    assert status(f"{one.url}/livez") == 200
    assert one.stop() == 0


def test_ctrl_c_while_it_starts_stops_everything(desk: Desks) -> None:
    one = desk().start()
    one.wait_for("Database")
    assert one.stop() == 0
    assert READY not in one.output
    assert server_pids(one) == set()
    assert one.processes() == set()


def test_two_starts_at_once_make_one_pair_of_servers(tmp_path: Path) -> None:
    """F41: one initialises, the other waits and then finds them running."""
    with ThreadPoolExecutor(2) as pool:
        started = list(pool.map(lambda _: servers.start(tmp_path, for_tests=True), range(2)))
    try:
        assert sorted(len(one.fresh) for one in started) == [0, 2]
        assert started[0].addresses == started[1].addresses
    finally:
        servers.stop(tmp_path)


def test_pids_that_others_use_since_a_power_cut_are_no_obstacle(tmp_path: Path) -> None:
    servers.start(tmp_path, for_tests=True)
    places = Places(tmp_path)
    for server in (Postgres(places), Valkey(places)):
        running = server.process()
        assert running is not None
        assert stop(running, (signal.SIGKILL, 10))
    # Both numbers now belong to somebody else: to this process.
    lock = tmp_path / "postgres/data/postmaster.pid"
    lock.write_text(f"{os.getpid()}\n" + lock.read_text().split("\n", 1)[1])
    for pidfile in (tmp_path / "postgres/pid", tmp_path / "valkey/pid"):
        pidfile.write_text(f"{os.getpid()} before-the-power-cut\n")
    try:
        assert servers.start(tmp_path, for_tests=True).fresh == ("PostgreSQL", "Valkey")
        assert start_time(os.getpid()) is not None
    finally:
        servers.stop(tmp_path)


def test_servers_whose_pidfile_was_never_written_are_taken_over(tmp_path: Path) -> None:
    servers.start(tmp_path, for_tests=True)
    (tmp_path / "postgres/pid").unlink()
    (tmp_path / "valkey/pid").unlink()
    assert servers.start(tmp_path, for_tests=True).fresh == ()
    servers.stop(tmp_path)
    assert not (tmp_path / "postgres/data/postmaster.pid").exists()


def test_a_half_initialised_cluster_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "postgres/data.new").mkdir(parents=True)
    (tmp_path / "postgres/data.new/PG_VERSION").write_text("18\n")
    try:
        assert "PostgreSQL" in servers.start(tmp_path, broker=False, for_tests=True).fresh
    finally:
        servers.stop(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give PostgreSQL another user")
def test_root_without_user_namespaces_runs_postgresql_as_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.start(tmp_path, broker=False, for_tests=True)
    servers.stop(tmp_path)
    monkeypatch.setattr(confine, "NAMESPACE", ("false",))
    confine.confinement.cache_clear()
    try:
        servers.start(tmp_path, broker=False, for_tests=True)
        running = Postgres(Places(tmp_path)).process()
        assert running is not None
        assert Path(f"/proc/{running.pid}").stat().st_uid in {0, 65534}
        assert "Uid:\t65534" in Path(f"/proc/{running.pid}/status").read_text()
    finally:
        servers.stop(tmp_path)
        monkeypatch.undo()
        confine.confinement.cache_clear()
    assert servers.start(tmp_path, broker=False, for_tests=True).fresh == ("PostgreSQL",)
    servers.stop(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give PostgreSQL another user")
def test_root_where_nothing_works_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine, "NAMESPACE", ("false",))
    monkeypatch.setattr(confine, "OTHER_USER", ("false",))
    confine.confinement.cache_clear()
    try:
        with pytest.raises(EmbeddedError, match=r"normal user.*DATABASE_URL"):
            confine.confinement()
    finally:
        confine.confinement.cache_clear()


def server_pids(one: Desk) -> set[int]:
    places = Places(one.var)
    found = (server.process() for server in (Postgres(places), Valkey(places)))
    return {process.pid for process in found if process is not None}


def oldest_of_session(pid: int) -> int:
    return os.getsid(pid)
