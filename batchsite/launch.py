"""What ./run does once the requirements are there: prepare the database, serve, watch over the children."""

import argparse
import ctypes
import errno
import http.client
import io
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType

import django
from django.conf import settings
from django.core.management import call_command, get_commands
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

HOST = "127.0.0.1"
FIRST_PAGE = "/admin/login/"
FIRST_PAGE_WAIT = 60.0
STOP_WAIT = 15.0
PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the site until it is told to stop."""
    parser = argparse.ArgumentParser(
        prog="./run", description="Start batchsite with its database and worker."
    )
    parser.add_argument("--port", type=int, default=8000, metavar="N", help="port of the site (default 8000)")
    port = parser.parse_args().port
    listener = listen(port)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "batchsite.settings")
    # While the database is prepared; later the children are ended first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        make_secret_key(Path(os.environ.get("BATCHSITE_VAR") or "var"))
        django.setup()
        prepare_database()
        return Children(listener).watch()
    except KeyboardInterrupt:
        return 130


def listen(port: int) -> socket.socket:
    """Return a socket on `port`, taken before anything else is done; end with a sentence if it is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "another program listens there, perhaps another ./run" if taken else error
        sys.exit(
            f"Port {port} cannot be used: {reason}. Choose another one, such as ./run --port {port % 60000 + 1}"
        )
    return listener


def make_secret_key(var: Path) -> None:
    """Write a key that only this account can read, unless there is one."""
    if os.environ.get("SECRET_KEY"):
        return
    var.mkdir(exist_ok=True, parents=True)
    with suppress(FileExistsError):
        target = os.open(var / "secret_key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(target, "w") as file:
            file.write(secrets.token_urlsafe(64) + "\n")


def prepare_database() -> None:
    """Bring the tables up to date and load the demo store, each only if need be."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        say("Preparing the tables and the demo store ...")
        call_command("migrate", verbosity=0, interactive=False)
    for command in ("create_batch_schema", "load_demo_store"):
        if command in get_commands():
            call_command(command, verbosity=0, stdout=io.StringIO())  # what matters of it, welcome() says
    connection.close()


class Children:
    """The web server, which is served as long as it lives, and the worker, which is started again."""

    def __init__(self, listener: socket.socket):
        self.listener = listener
        self.stopping = False
        self.worker: subprocess.Popen | None = None
        self.worker_starts: list[float] = []
        self.web: subprocess.Popen | None = None

    def watch(self) -> int:
        """Start both and wait; return the exit code once both have ended."""
        signal.signal(signal.SIGINT, self.stop)
        signal.signal(signal.SIGTERM, self.stop)
        self.web = self._start_web()
        self._start_worker()
        try:
            if self._await_first_page():
                say(welcome(self.listener.getsockname()[1]))
            while not self.stopping and self.web.poll() is None:
                self._keep_worker()
                time.sleep(0.2)
            if not self.stopping:
                say(f"The web server ended by itself (code {self.web.returncode}); stopping.")
                return 1
            return 0
        finally:
            self._end()

    def stop(self, signum: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _start_web(self) -> subprocess.Popen:
        bind = f"fd://{self.listener.fileno()}"
        options = ["--bind", bind, "--workers", "2", "--threads", "4", "--log-level", "warning"]
        options += ["--graceful-timeout", "5", "--no-control-socket"]
        command = ["gunicorn", *options, "batchsite.wsgi:application"]
        return self._start(command, keep=(self.listener.fileno(),))

    def _start_worker(self) -> None:
        if "worker" in get_commands():
            self.worker_starts.append(time.monotonic())
            self.worker = self._start(["django", "worker"])

    def _start(self, command: list[str], keep: tuple[int, ...] = ()) -> subprocess.Popen:
        # A process group of its own: Ctrl-C reaches only us, and we end the children in order.
        return subprocess.Popen(
            [sys.executable, "-m", *command], pass_fds=keep, process_group=0, preexec_fn=_end_with_parent
        )  # fmt: skip

    def _keep_worker(self) -> None:
        """Start a worker that ended again: at once, and ever later if it keeps ending."""
        if self.worker is None or self.worker.poll() is None:
            return
        recent = [start for start in self.worker_starts if start > time.monotonic() - 60]
        if time.monotonic() - self.worker_starts[-1] < min(2 ** (len(recent) - 1) - 1, 30):
            return
        say(f"The worker ended (code {self.worker.returncode}); starting another one.")
        self.worker_starts = recent
        self._start_worker()

    def _await_first_page(self) -> bool:
        deadline = time.monotonic() + FIRST_PAGE_WAIT
        while not self.stopping and self.web is not None and self.web.poll() is None:
            with suppress(OSError, http.client.HTTPException):
                request = http.client.HTTPConnection(HOST, self.listener.getsockname()[1], timeout=5)
                request.request("GET", FIRST_PAGE, headers={"Host": "localhost"})
                status = request.getresponse().status
                request.close()
                if status < 500:
                    return True
                say(f"The first page answered with status {status}; see above.")
                return False
            if time.monotonic() > deadline:
                say(f"The first page did not come within {FIRST_PAGE_WAIT:g} s.")
                return False
        return False

    def _end(self) -> None:
        """End both children: kindly, then by force."""
        children = [child for child in (self.worker, self.web) if child and child.poll() is None]
        for child in children:
            child.terminate()
        deadline = time.monotonic() + STOP_WAIT
        for child in children:
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _end_with_parent() -> None:
    """Make Linux end this process when ./run is killed in a way that it cannot pass on."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def welcome(port: int) -> str:
    """Return the lines that tell where the site is and as whom to log in."""
    lines = ["", f"batchsite is ready: http://{HOST}:{port}/", ""]
    for name, password, role in logins():
        lines.append(f"    {name:<12} {password:<16} {role}".rstrip())
    lines += ["", "Stop it with Ctrl-C."]
    if settings.DATABASES["default"]["ENGINE"].startswith("batchsite."):
        lines[-1] += " The database goes on; `.venv/bin/python -m batchsite.localpg stop` ends it."
    return "\n".join(lines)


def logins() -> list[tuple[str, str, str]]:
    """Return name, password and role of each user of the demo store."""
    if "load_demo_store" not in get_commands():
        return [("(no users yet:", "create one by", ".venv/bin/python manage.py createsuperuser)")]
    return list(import_module("products.demo").LOGINS)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
