"""Make .venv and install the locked requirements; needs nothing but Python's own library."""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
VENV = TOP / ".venv"
PYTHON = VENV / "bin" / "python"


def install(*requirements: str) -> str:
    """Install `requirements` (file names) unless that was done already; return the path of .venv's Python."""
    lock = os.open(TOP, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)  # ./run and ./test may be started at once
    try:
        for name in requirements:
            _install_file(TOP / name)
    except subprocess.CalledProcessError as error:
        sys.exit(f"The requirements could not be installed: {error}.")
    finally:
        os.close(lock)
    return str(PYTHON)


def _install_file(file: Path) -> None:
    stamp = VENV / f"installed-{file.stem}"
    wanted = hashlib.sha256(file.read_bytes()).hexdigest()
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Installing {file.name} into .venv ...", file=sys.stderr, flush=True)
    if not PYTHON.exists():
        _make_venv()
    if not _install_with_uv(file):
        print("Installing with uv did not work; with pip it takes longer ...", file=sys.stderr, flush=True)
        _install_with_pip(file)
    stamp.write_text(wanted)


def _make_venv() -> None:
    options = ["--clear", str(VENV)]
    if importlib.util.find_spec("ensurepip") is None and not shutil.which("uv"):
        _install_debian_venv()
    if importlib.util.find_spec("ensurepip") is None and shutil.which("uv"):
        options.insert(0, "--without-pip")
    subprocess.run([sys.executable, "-m", "venv", *options], check=True)


def _install_debian_venv() -> None:
    """Debian leaves ensurepip out of its python3: fetch it as root, else say what to type."""
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"This Python cannot make a virtual environment. Type: sudo apt-get install {package}")
    subprocess.run(["apt-get", "update", "-qq"], stdout=subprocess.DEVNULL)  # noqa: S607
    subprocess.run(["apt-get", "install", "-y", "-qq", package], check=True, stdout=subprocess.DEVNULL)  # noqa: S607
    importlib.invalidate_caches()


def _install_with_uv(file: Path) -> bool:
    uv = _find_uv()
    if not uv:
        return False
    command = [uv, "pip", "install", "-q", "--python", str(PYTHON), "--require-hashes", "--compile-bytecode"]
    environment = os.environ | {"UV_PYTHON_DOWNLOADS": "never"}
    return subprocess.run([*command, "-r", str(file)], env=environment).returncode == 0


def _find_uv() -> str | None:
    own = VENV / "bin" / "uv"
    if not own.exists() and not shutil.which("uv"):
        subprocess.run([str(PYTHON), *_pip("uv")], stderr=subprocess.DEVNULL)
    return str(own) if own.exists() else shutil.which("uv")


def _install_with_pip(file: Path) -> None:
    subprocess.run([str(PYTHON), *_pip("--require-hashes", "-r", str(file))], check=True)


def _pip(*arguments: str) -> Sequence[str]:
    return ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input", *arguments]
