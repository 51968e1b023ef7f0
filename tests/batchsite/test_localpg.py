"""The embedded PostgreSQL, with real servers; only processes that a test started are killed."""

import os
import pwd
import signal
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from batchsite.localpg import DATABASE, PORT, USER, database_settings
from batchsite.localpg.binaries import find_binaries
from batchsite.localpg.exceptions import LocalPostgresError
from batchsite.localpg.places import SOCKET_LIMIT, Account, find_places, public_place

from .conftest import TOP, start_in_another_process, wait_until

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
needs_proc = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="needs Linux's /proc")


def query(server, sql):
    """Return the rows of one statement."""
    target = {"host": str(server.places.sockets), "port": PORT, "user": USER, "dbname": DATABASE}
    with closing(psycopg2.connect(**target)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def run_script(script, **environment):
    """Run Python code under the site's settings in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=TOP, capture_output=True, text=True,
        env=clean | {"DJANGO_SETTINGS_MODULE": "batchsite.settings"} | environment,
    )  # fmt: skip


def is_launched_once(server):
    return (server.places.data / "server.log").read_text().count("starting PostgreSQL") == 1


def test_eight_cold_starters_make_one_server(server, open_folder):
    starters = [start_in_another_process(server, open_folder / "var") for _ in range(8)]
    outputs = [starter.communicate(timeout=60) for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 8, outputs
    assert {out.strip() for out, _ in outputs} == {str(server.postmaster())}
    assert is_launched_once(server)
    assert query(server, "SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "moment", ["start.lock", "data.new/PG_VERSION", "data/PG_VERSION", "alive.lock", "data/postmaster.pid"]
)
def test_a_starter_killed_at_any_moment_leaves_nothing_that_hinders_the_next(server, open_folder, moment):
    starter = start_in_another_process(server, open_folder / "var")
    wait_until((server.places.home / moment).exists, f"{moment} exists")
    starter.kill()
    starter.communicate()
    server.ensure()
    assert query(server, "SELECT 1") == [(1,)]
    assert is_launched_once(server)


@needs_proc
def test_a_killed_initdb_is_reported_and_made_good_by_the_next_start(server, open_folder):
    starter = start_in_another_process(server, open_folder / "var")
    # PG_VERSION is there long before initdb is done, so it proves nothing: the cluster is made elsewhere and renamed.
    wait_until((server.places.home / "data.new/PG_VERSION").exists, "initdb is at work")
    initdb = Path(f"/proc/{starter.pid}/task/{starter.pid}/children").read_text().split()
    os.killpg(int(initdb[0]), signal.SIGKILL)
    _, errors = starter.communicate(timeout=60)
    assert starter.returncode == 1
    assert "could not be made" in errors
    server.ensure()
    assert query(server, "SELECT 1") == [(1,)]


def test_a_killed_postmaster_is_started_again_with_all_that_was_committed(server):
    server.ensure()
    first = server.postmaster()
    query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(first, signal.SIGKILL)
    server.ensure()
    assert server.postmaster() != first
    assert query(server, "SELECT answer FROM kept") == [(42,)]


def test_the_server_outlives_its_starter(server, open_folder):
    starter = start_in_another_process(server, open_folder / "var")
    out, _ = starter.communicate(timeout=60)
    assert starter.returncode == 0
    assert server.postmaster() == int(out)
    assert os.getsid(int(out)) != os.getsid(0)


def test_a_recovery_longer_than_one_wait_goes_on_and_serves_the_next(server, capsys):
    """The server replays from an archive that is slow to answer, and refuses connections meanwhile."""
    server.ensure()
    server.stop()
    data = server.places.data
    with (data / "postgresql.auto.conf").open("a") as file:
        file.write("restore_command = 'sleep 1; false'\nhot_standby = off\n")
    (data / "recovery.signal").touch(0o600)
    if server.places.account:
        os.chown(data / "recovery.signal", server.places.account.uid, server.places.account.gid)
    server.wait = 2.5
    with pytest.raises(LocalPostgresError, match=r"does not answer yet .*2\.5 s after it was asked for"):
        server.ensure()
    recovering = server.postmaster()
    assert recovering
    server.wait = 60
    server.ensure()
    assert server.postmaster() == recovering
    assert query(server, "SELECT pg_is_in_recovery()") == [(False,)]
    assert "PostgreSQL (main) does not answer yet" in capsys.readouterr().err


def test_leftovers_that_name_another_living_process_are_removed(server):
    server.ensure()
    server.stop()
    ours = f"{os.getpid()}\n{server.places.data}\n"
    (server.places.data / "postmaster.pid").write_text(ours)
    Path(f"{server.socket}.lock").write_text(ours)
    server.socket.touch()
    assert server.postmaster() is None
    server.ensure()
    assert query(server, "SELECT 1") == [(1,)]


def test_it_listens_on_a_closed_socket_only_and_sorts_by_code_point(server):
    server.ensure()
    assert query(server, "SHOW listen_addresses") == [("",)]
    assert mode(server.places.data) == mode(server.places.sockets) == 0o700
    assert query(server, "SHOW fsync") == [("on",)]
    assert query(server, "SELECT x FROM (VALUES ('a'), ('B'), ('é')) v(x) ORDER BY x") == [
        ("B",),
        ("a",),
        ("é",),
    ]
    assert query(server, "SELECT upper('é')") == [("É",)]


def test_the_test_cluster_does_without_fsync(make_server, open_folder):
    server = make_server(open_folder / "var", "test")
    server.ensure()
    assert query(server, "SHOW fsync") == [("off",)]
    assert server.stop() is True
    assert server.stop() is False
    assert not server.is_alive()


def test_a_long_path_moves_the_socket_to_the_systems_temporary_directory(make_server, open_folder):
    server = make_server(open_folder / ("long" * 20))
    assert len(os.fsencode(server.socket)) <= SOCKET_LIMIT
    assert server.places.sockets.parent == Path("/tmp")
    server.ensure()
    assert query(server, "SELECT 1") == [(1,)]
    assert mode(server.places.sockets) == 0o700


def test_a_socket_directory_that_others_can_enter_is_refused(make_server, open_folder):
    server = make_server(open_folder / ("long" * 20))
    server.places.sockets.mkdir()
    server.places.sockets.chmod(0o777)
    with pytest.raises(LocalPostgresError, match=r"closed to all others"):
        server.ensure()


def test_binaries_of_another_major_version_are_named_with_the_way_out(server, open_folder, monkeypatch):
    server.ensure()
    server.stop()
    made_by = find_binaries(None).major
    other = open_folder / "bin"
    other.mkdir()
    for program in ("postgres", "initdb"):
        (other / program).write_text(f'#!/bin/sh\necho "{program} (PostgreSQL) 99.1"\n')
        (other / program).chmod(0o755)
    monkeypatch.setenv("LOCALPG_BIN", str(other))
    with pytest.raises(
        LocalPostgresError, match=rf"made by PostgreSQL {made_by}, .* PostgreSQL 99\. Point LOCALPG_BIN"
    ):
        server.ensure()


def test_binaries_that_do_not_run_are_named(server, monkeypatch, open_folder):
    monkeypatch.setenv("LOCALPG_BIN", str(open_folder / "nothing"))
    with pytest.raises(LocalPostgresError, match=r"No PostgreSQL that runs here .*nothing"):
        server.ensure()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(server):
    server.ensure()
    server.stop()
    (server.places.data / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(LocalPostgresError, match=r"(?s)ended while starting.*no_such_setting"):
        server.ensure()


def test_a_directory_with_other_things_is_not_touched(server):
    server.places.data.mkdir(parents=True)
    (server.places.data / "letter.txt").write_text("mine")
    with pytest.raises(LocalPostgresError, match="holds no cluster"):
        server.ensure()
    assert (server.places.data / "letter.txt").read_text() == "mine"


@needs_root
@needs_proc
def test_root_starts_it_as_postgres_or_nobody(server):
    server.ensure()
    account = server.places.account
    assert account.name in ("postgres", "nobody")
    assert Path(f"/proc/{server.postmaster()}").stat().st_uid == account.uid
    assert server.places.data.stat().st_uid == account.uid


@needs_root
@needs_proc
def test_root_starts_it_as_the_owner_of_the_data(make_server, open_folder):
    nobody = pwd.getpwnam("nobody")
    data = open_folder / "var/pg/main/data"
    data.mkdir(parents=True, mode=0o700)
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    server = make_server(open_folder / "var")
    server.ensure()
    assert Path(f"/proc/{server.postmaster()}").stat().st_uid == nobody.pw_uid


@needs_root
def test_where_the_servers_account_cannot_go_the_cluster_goes_elsewhere_and_no_mode_changes(
    make_server, open_folder
):
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    server = make_server(closed / "var")
    assert public_place() in server.places.home.parents
    server.ensure()
    assert query(server, "SELECT 1") == [(1,)]
    assert mode(closed) == 0o700
    closed.chmod(0o755)  # it stays with the cluster that is there
    assert find_places(closed / "var", "main").home == server.places.home


@needs_root
def test_where_the_servers_account_cannot_reach_the_wheel_a_copy_of_it_runs(monkeypatch, open_folder):
    monkeypatch.setattr(Account, "reaches", lambda self, path: False)
    nobody = Account.of(pwd.getpwnam("nobody"))
    binaries = find_binaries(nobody)
    assert public_place() in binaries.folder.parents
    done = subprocess.run(
        [binaries.path("psql"), "--version"], user=nobody.uid, capture_output=True, text=True
    )
    assert f" {binaries.major}." in done.stdout


@needs_root
def test_an_unprivileged_user_starts_it_and_root_can_use_it(make_server, open_folder, monkeypatch):
    nobody = Account.of(pwd.getpwnam("nobody"))
    var = open_folder / "var"
    var.mkdir()
    os.chown(var, nobody.uid, nobody.gid)
    monkeypatch.setenv("LOCALPG_BIN", str(find_binaries(nobody).folder))
    # It becomes nobody only after the imports, because the interpreter may lie where nobody may not go.
    script = f"""
import os
from pathlib import Path
import django
from batchsite.localpg.server import Server
os.setgroups([])
os.setgid({nobody.gid})
os.setuid({nobody.uid})
server = Server(Path({str(var)!r}), "main")
server.ensure()
print(server.places.account, server.postmaster())
"""
    done = run_script(script)
    server = make_server(var)
    assert done.stdout == f"None {server.postmaster()}\n", done.stderr
    assert server.places.home == var / "pg/main"
    server.ensure()
    assert query(server, "SELECT 1") == [(1,)]


def test_settings_are_made_without_touching_the_disk(open_folder):
    entry = database_settings(open_folder / "var", "main")
    assert entry["ENGINE"] == "batchsite.localpg.backend"
    assert not (open_folder / "var").exists()


def test_djangos_connection_starts_the_server_and_finds_it_again_after_a_crash(server, open_folder):
    script = """
import os, signal, django
django.setup()
from django.db import connection
from batchsite.localpg.server import Server
from django.conf import settings
for _ in range(2):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        print(*cursor.fetchone())
    pid = Server(settings.VAR_DIR, "main").postmaster()
    os.kill(pid, signal.SIGKILL)
    connection.close()
"""
    done = run_script(script, BATCHSITE_VAR=str(open_folder / "var"))
    assert done.stdout == f"{DATABASE}\n{DATABASE}\n", done.stderr


def test_with_database_url_nothing_of_it_is_used(open_folder):
    script = """
import sys, django
django.setup()
from django.db import connections
print(connections["default"].vendor, type(connections["default"]).__module__, "batchsite.localpg.server" in sys.modules)
"""
    url = "postgres://somebody@localhost/there"
    done = run_script(script, DATABASE_URL=url, BATCHSITE_VAR=str(open_folder / "var"))
    assert done.stdout == "postgresql django.db.backends.postgresql.base False\n", done.stderr
    assert not (open_folder / "var").exists()


def test_the_command_starts_tells_and_stops(make_server, open_folder):
    make_server(open_folder / "var")

    def call(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "batchsite.localpg", *arguments], cwd=TOP, capture_output=True, text=True,
            env=os.environ | {"BATCHSITE_VAR": str(open_folder / "var")},
        )  # fmt: skip

    assert call("status").returncode == 3
    assert call("start").returncode == 0
    assert call("status").stdout.startswith("Running, process ")
    assert call("psql", "main", "-Atc", "SELECT 6 * 7").stdout == "42\n"
    assert call("stop").stdout == "Stopped.\n"
    assert call("stop").stdout == "It was not running.\n"
