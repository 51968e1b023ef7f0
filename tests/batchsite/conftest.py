"""Clusters that are thrown away, and processes that start them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from batchsite.localpg.places import public_place
from batchsite.localpg.server import Server

TOP = Path(__file__).resolve().parent.parent.parent
STARTER = """
import sys
from pathlib import Path
from batchsite.localpg.server import Server
server = Server(Path(sys.argv[1]), sys.argv[2])
server.ensure()
print(server.postmaster())
"""


def start_in_another_process(server, var):
    """Start `server` from a process of its own; return the process."""
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(var), server.cluster], cwd=TOP, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def wait_until(condition, what, seconds=30):
    """Return the first true value of `condition`, or fail naming what was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.002)
    pytest.fail(f"waited {seconds} s in vain until {what}")


@contextmanager
def folder_for_all():
    """Give a directory that every account can reach (pytest's own is closed to others)."""
    folder = Path(tempfile.mkdtemp(prefix="batchsite-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def discard(server):
    """Stop a server and remove what it wrote outside its folder."""
    server.wait = 30
    pid = server.postmaster()
    try:
        server.stop()
    finally:
        if pid and server.postmaster() == pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    shutil.rmtree(server.places.sockets, ignore_errors=True)
    if public_place() in server.places.home.parents:
        shutil.rmtree(server.places.home.parent)


@pytest.fixture
def open_folder():
    with folder_for_all() as folder:
        yield folder


@pytest.fixture
def make_server(open_folder):
    """Give a function that makes a Server; each is discarded at the end."""
    made = []

    def make(var, cluster="main", **options):
        server = Server(var, cluster, **options)
        made.append(server)
        return server

    yield make
    for server in made:
        discard(server)


@pytest.fixture
def server(make_server, open_folder):
    """Give the Server of a cluster that does not exist yet."""
    return make_server(open_folder / "var")
