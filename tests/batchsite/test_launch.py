"""./run after the installation: what it starts, how it ends; only processes that a test started are killed."""

import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

import pytest
from django.core.management import get_commands

from batchsite.launch import make_secret_key
from batchsite.localpg.server import Server

from .conftest import TOP, discard, folder_for_all, wait_until


@pytest.fixture
def port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def var():
    """Give one place for all tests here: the demo store is loaded once."""
    with folder_for_all() as folder:
        yield folder / "var"
        discard(Server(folder / "var", "main"))


@pytest.fixture
def launch(var, port):
    """Give a function that starts the site and returns the process once it is ready."""
    started = []

    def start():
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
        environment.pop("DATABASE_URL", None)
        child = subprocess.Popen(
            [sys.executable, "-m", "batchsite.launch", "--port", str(port)], cwd=TOP, text=True,
            stderr=subprocess.PIPE, env=environment | {"BATCHSITE_VAR": str(var)},
        )  # fmt: skip
        started.append(child)
        lines = []
        while "Stop it with Ctrl-C" not in "".join(lines[-1:]):
            line = child.stderr.readline()
            if not line:
                pytest.fail("it ended before it was ready:\n" + "".join(lines))
            lines.append(line)
        child.said = "".join(lines)
        return child

    yield start
    for child in started:
        with suppress(ProcessLookupError):
            child.terminate()
        child.communicate(timeout=30)


def children(process):
    """Return number -> command line of a process's children."""
    numbers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = {}
    for number in numbers:
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended between the two looks
            found[int(number)] = Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def child_named(process, word):
    return next((number for number, command in children(process).items() if word in command), None)


def is_served(port):
    with suppress(OSError):
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/login/", timeout=10).status == 200
    return False


def test_it_serves_the_login_and_its_style_sheet_and_stops_on_sigterm(launch, port):
    process = launch()
    assert f"http://127.0.0.1:{port}/" in process.said
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10)
    assert page.status == 200
    assert page.url.endswith("/admin/login/?next=/admin/")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    style = urllib.request.urlopen(f"http://127.0.0.1:{port}/static/admin/css/base.css", timeout=10)
    assert style.headers["Content-Type"].startswith("text/css")
    started = children(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert not [number for number in started if Path(f"/proc/{number}").exists()]
    assert not is_served(port)


def test_when_the_web_server_dies_the_whole_ends_with_1(launch):
    process = launch()
    os.kill(child_named(process, "gunicorn"), signal.SIGKILL)
    assert process.wait(30) == 1
    assert "The web server ended by itself" in process.stderr.read()


@pytest.mark.skipif(
    not Path("/proc/self").exists(), reason="needs Linux's way to end a child with its parent"
)
def test_when_it_is_killed_its_children_end_and_the_port_is_free(launch, port):
    process = launch()
    process.kill()
    process.wait()
    wait_until(lambda: not is_served(port), "the web server has ended")
    launch()
    assert is_served(port)


@pytest.mark.skipif("worker" not in get_commands(), reason="there is no worker command")
def test_a_worker_that_dies_is_replaced(launch):
    process = launch()
    first = wait_until(lambda: child_named(process, "django worker"), "the worker has started")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: child_named(process, "django worker") not in (None, first), "there is another worker")


def test_a_taken_port_is_told_in_a_sentence(port):
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        done = subprocess.run(
            [sys.executable, "-m", "batchsite.launch", "--port", str(port)],
            cwd=TOP,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"Port {port} cannot be used: another program listens there, perhaps another ./run. Choose another one, "
        f"such as ./run --port {port % 60000 + 1}\n"
    )


def test_the_secret_key_is_made_once_and_for_this_account_only(tmp_path, monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    make_secret_key(tmp_path / "var")
    key = tmp_path / "var" / "secret_key"
    text = key.read_text()
    assert len(text) > 60
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    make_secret_key(tmp_path / "var")
    assert key.read_text() == text


def test_production_collects_all_static_files_under_lasting_names(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input"], cwd=TOP, capture_output=True, text=True,
        env=os.environ | {
            "DJANGO_SETTINGS_MODULE": "batchsite.settings", "BATCHSITE_PRODUCTION": "1",
            "SECRET_KEY": "only-for-this-test-" * 4, "STATIC_ROOT": str(tmp_path / "static"),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "static" / "staticfiles.json").exists()
