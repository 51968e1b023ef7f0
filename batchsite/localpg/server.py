"""Start, stop and ask one cluster; safe with any number of starters at once, any of which may be killed.

Two locks, both by flock, so that a killed holder frees them: `start.lock` belongs to who starts or makes the
cluster (and to the initdb that it runs: an initdb left behind keeps others waiting), `alive.lock` to the running
server and all of its processes (so a server whose postmaster was killed is not started twice).
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
from psycopg2 import errors, sql

from . import DATABASE, PORT, USER
from .binaries import Binaries, find_binaries, run_as
from .exceptions import LocalPostgresError
from .places import find_places, is_cluster, make_directory, make_private

WAIT = 600.0  # seconds: recovery after a crash may take minutes
PAUSE = 0.05  # seconds between two looks
QUIET = 2.0  # seconds before the first message about waiting
REPEAT = 15.0  # seconds between later messages

COMMON = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "min_dynamic_shared_memory": "64MB",  # parallel queries also work where /dev/shm is small
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_line_prefix": "%m [%p] %d ",
}
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "wal_level": "minimal"}
FAST |= {"max_wal_senders": "0"}
VOLATILE = {"test"}  # clusters whose data nobody will miss


class Server:
    """The PostgreSQL server of one cluster."""

    def __init__(self, var: Path, cluster: str, *, wait: float = WAIT):
        self.cluster = cluster
        self.places = find_places(var, cluster)
        self.wait = wait
        self.socket = self.places.sockets / f".s.PGSQL.{PORT}"

    # What others ask for

    def ensure(self) -> None:
        """Return once the server answers and its database exists, starting it if need be."""
        deadline = time.monotonic() + self.wait
        if self._answers(DATABASE):
            return
        self._check_account()
        make_directory(self.places.home)
        with self._locked("start.lock", deadline) as lock:
            if not is_cluster(self.places.data):
                self._make_cluster(find_binaries(self.places.account), lock)
            while not self._answers("postgres"):
                ours = not self.is_alive()
                if ours:
                    self._launch(deadline)
                self._await_answer(deadline, ours)
            self._make_database()

    def stop(self) -> bool:
        """Stop the server in an orderly way; return False if none was running."""
        if not self.is_alive():
            return False
        deadline = time.monotonic() + self.wait
        while self.is_alive():
            pid = self.postmaster()
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
            self._pause(deadline, "is still stopping")
        return True

    def is_alive(self) -> bool:
        """Tell if any process of the server lives, be it one that does not answer."""
        try:
            lock = os.open(self.places.home / "alive.lock", os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            return self.postmaster() is not None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return self.postmaster() is not None

    def postmaster(self) -> int | None:
        """Return the process number of this cluster's live postmaster; a number that is another's now is none."""
        try:
            pid = int((self.places.data / "postmaster.pid").read_text().split("\n")[0])
            os.kill(pid, 0)
        except (FileNotFoundError, PermissionError, ProcessLookupError, ValueError):
            return None
        try:
            return pid if Path(f"/proc/{pid}/cwd").samefile(self.places.data) else None
        except (FileNotFoundError, PermissionError):
            if Path("/proc/self/cwd").exists():
                return None
        command = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)  # noqa: S607
        return pid if str(self.places.data) in command.stdout else None

    def command_line(self, program: str, *arguments: str) -> list[str]:
        """Return the command that runs a client program such as psql on this server."""
        target = ["-h", str(self.places.sockets), "-p", str(PORT), "-U", USER, "-d", DATABASE]
        return [find_binaries(None).path(program), *target, *arguments]

    # Steps

    def _answers(self, database: str) -> bool:
        """Tell if the server serves: a refusal with a reason (too many clients) is an answer as well."""
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(10)
                probe.connect(str(self.socket))
            psycopg2.connect(
                host=str(self.places.sockets), port=PORT, user=USER, dbname=database, connect_timeout=10
            ).close()
        except psycopg2.OperationalError as error:
            text = str(error)
            known = "FATAL:" in text and "the database system is" not in text
            return known and not (database == DATABASE and f'"{DATABASE}" does not exist' in text)
        except OSError:
            return False
        return True

    def _check_account(self) -> None:
        account, data = self.places.account, self.places.data
        if account is None:
            if data.exists() and data.stat().st_uid != os.geteuid():
                raise LocalPostgresError(
                    f"The cluster in {str(data)!r} belongs to another account. Run as that account or as root, or "
                    f"set BATCHSITE_VAR to a directory of your own."
                )
        elif not account.reaches(self.places.home):
            raise LocalPostgresError(
                f"The account {account.name!r}, to which the cluster in {str(data)!r} belongs, cannot reach it any "
                f"more. Let it pass the directories above (chmod o+x), or move the cluster."
            )

    @contextlib.contextmanager
    def _locked(self, name: str, deadline: float) -> Iterator[int]:
        path = self.places.home / name
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except PermissionError as error:
            raise LocalPostgresError(
                f"{str(path)!r} cannot be opened: it was made by another account. Run as that account or as root, "
                f"or set BATCHSITE_VAR to a directory of your own."
            ) from error
        try:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    self._pause(deadline, "is being started by another process")
            yield lock
        finally:
            os.close(lock)  # not LOCK_UN: children that were given the lock keep it

    def _make_cluster(self, binaries: Binaries, lock: int) -> None:
        """Run initdb beside the final place and rename: a half-made cluster never looks like a finished one."""
        data, account = self.places.data, self.places.account
        draft = data.with_name("data.new")
        if data.exists() and any(data.iterdir()):
            raise LocalPostgresError(
                f"{str(data)!r} is not empty and holds no cluster (PG_VERSION is missing). Move it away and start "
                f"again."
            )
        if draft.exists():
            shutil.rmtree(draft)
        make_private(draft, account)
        command = [binaries.path("initdb"), "-D", str(draft), "-U", USER, "-A", "trust", "-E", "UTF8"]
        command += ["--no-instructions", *_locale_options(binaries)]
        if self.cluster in VOLATILE:
            command.append("--no-sync")
        try:
            run_as(account, command, keep=(lock,))
        except subprocess.SubprocessError as error:
            raise LocalPostgresError(f"The cluster in {str(data)!r} could not be made: {error}.") from error
        draft.rename(data)

    def _launch(self, deadline: float) -> None:
        """Start the postmaster as nobody's child, holding alive.lock; leftovers of a dead one go first."""
        places = self.places
        binaries = find_binaries(places.account)
        self._check_version(binaries)
        make_private(places.sockets, places.account)
        with self._locked("alive.lock", deadline) as lock:
            for leftover in (places.data / "postmaster.pid", self.socket, Path(f"{self.socket}.lock")):
                leftover.unlink(missing_ok=True)
            options = COMMON | (FAST if self.cluster in VOLATILE else {})
            command = [binaries.path("postgres"), "-D", str(places.data), "-k", str(places.sockets)]
            command += ["-p", str(PORT)]
            for name, value in options.items():
                command += ["-c", f"{name}={value}"]
            # The shell ends at once, so the server is no child of ours and outlives us without a trace.
            shell = ["/bin/sh", "-c", '"$0" "$@" </dev/null >>"$LOG" 2>&1 &', *command]
            run_as(places.account, shell, keep=(lock,), LOG=str(self._log()))

    def _log(self) -> Path:
        log = self.places.data / "server.log"
        if log.exists() and log.stat().st_size > 10_000_000:
            log.replace(log.with_suffix(".log.1"))
        return log

    def _check_version(self, binaries: Binaries) -> None:
        made_by = (self.places.data / "PG_VERSION").read_text().strip()
        if made_by != str(binaries.major):
            raise LocalPostgresError(
                f"The cluster in {str(self.places.data)!r} was made by PostgreSQL {made_by}, and the programs in "
                f"{str(binaries.folder)!r} are of PostgreSQL {binaries.major}. Point LOCALPG_BIN to the programs of "
                f"PostgreSQL {made_by} (then dump the data to take it along), or move the cluster away."
            )

    def _await_answer(self, deadline: float, ours: bool) -> None:
        """Wait until the server answers or is gone; if it is `ours` that is gone, raise with the end of its log."""
        while not self._answers("postgres"):
            if not self.is_alive():
                if not ours:  # the rest of a killed one, or one that was stopping
                    return
                raise LocalPostgresError(
                    f"PostgreSQL in {str(self.places.data)!r} ended while starting. The end of its log:\n"
                    f"{self._log_end()}"
                )
            self._pause(deadline, "does not answer yet (after a crash it may need minutes)")

    def _log_end(self) -> str:
        try:
            with open(os.open(self._log(), os.O_RDONLY | os.O_NOFOLLOW), errors="replace") as log:
                return "".join(log.readlines()[-12:]).rstrip()
        except OSError as error:
            return f"({error})"

    def _make_database(self) -> None:
        connection = psycopg2.connect(
            host=str(self.places.sockets), port=PORT, user=USER, dbname="postgres", connect_timeout=10
        )
        connection.autocommit = True
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if cursor.fetchone() is None:
                with contextlib.suppress(errors.DuplicateDatabase, errors.UniqueViolation):
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _pause(self, deadline: float, state: str) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise LocalPostgresError(
                f"PostgreSQL in {str(self.places.data)!r} {state}, {self.wait:g} s after it was asked for. "
                f"Look into {str(self.places.data / 'server.log')!r}."
            )
        waited = self.wait - left
        told = getattr(self, "_told", QUIET - REPEAT)
        if waited >= told + REPEAT:
            self._told = waited
            message = f"PostgreSQL ({self.cluster}) {state}; waiting up to {left:.0f} s more."
            print(message, file=sys.stderr, flush=True)
        time.sleep(PAUSE)


def _locale_options(binaries: Binaries) -> list[str]:
    if binaries.major >= 17:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C" if sys.platform == "darwin" else "--locale=C.UTF-8"]
