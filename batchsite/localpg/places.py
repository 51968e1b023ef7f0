"""Where a cluster lives and whom its server runs as; looking this up changes nothing on the disk."""

import hashlib
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from .exceptions import LocalPostgresError

SOCKET_LIMIT = 100  # bytes; the kernel's own limit is 108 on Linux, 104 on macOS
SYSTEM_TEMP = Path("/tmp")  # not $TMPDIR: every process must come to the same path  # noqa: S108


@dataclass(frozen=True)
class Account:
    """The account that a server started by root runs as."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]

    @classmethod
    def of(cls, entry: pwd.struct_passwd) -> "Account":
        groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple(groups))

    def reaches(self, path: Path) -> bool:
        """Tell if every directory from the root to `path` lets the account through (those not yet made do)."""
        return all(self._enters(folder) for folder in [*reversed(path.parents), path])

    def _enters(self, folder: Path) -> bool:
        try:
            found = folder.stat()
        except FileNotFoundError:
            return True
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid in self.groups:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)


@dataclass(frozen=True)
class Places:
    """The directories of one cluster, and the account of its server (None: whoever starts it)."""

    home: Path
    data: Path
    sockets: Path
    account: Account | None


def find_places(var: Path, cluster: str) -> Places:
    """Return the places of `cluster` under `var`, or under a public place where its server cannot reach `var`."""
    var = Path(os.path.abspath(var))
    home = var / "pg" / cluster
    account = account_for(home / "data")
    if account is not None:
        public = public_place() / digest(var) / cluster
        if is_cluster(public / "data") or not (is_cluster(home / "data") or account.reaches(home)):
            home = public
            account = account_for(home / "data")
    return Places(home, home / "data", socket_directory(home), account)


def account_for(data: Path) -> Account | None:
    """Return the account that root must use: the owner of `data`, else postgres, else nobody."""
    if os.geteuid() != 0:
        return None
    try:
        owner = data.stat().st_uid
    except FileNotFoundError:
        owner = 0
    if owner:
        try:
            return Account.of(pwd.getpwuid(owner))
        except KeyError:
            return Account(str(owner), owner, data.stat().st_gid, (data.stat().st_gid,))
    for name in ("postgres", "nobody"):
        try:
            return Account.of(pwd.getpwnam(name))
        except KeyError:
            continue
    raise LocalPostgresError(
        "PostgreSQL refuses to run as root, and neither 'postgres' nor 'nobody' exists on this machine. "
        "Run as an ordinary user, or set DATABASE_URL."
    )


def is_cluster(data: Path) -> bool:
    """Tell if `data` holds a finished cluster."""
    return (data / "PG_VERSION").exists()


def socket_directory(home: Path) -> Path:
    """Return the directory of the socket: in `home`, or the system's temporary directory if that is too long."""
    sockets = home / "socket"
    if len(os.fsencode(sockets / ".s.PGSQL.5432")) <= SOCKET_LIMIT:
        return sockets
    return SYSTEM_TEMP / f"batchsite-{digest(home)}"


def public_place() -> Path:
    """Return the directory that every account can reach and that only root writes (needed by root alone)."""
    lib = Path("/var/lib")
    return lib / "batchsite" if os.access(lib, os.W_OK | os.X_OK) else SYSTEM_TEMP / "batchsite"


def digest(path: Path) -> str:
    """Return a short name for `path`."""
    return hashlib.sha256(os.fsencode(os.path.abspath(path))).hexdigest()[:12]


def make_directory(path: Path) -> None:
    """Make `path` and its missing parents, open to all for passing through; what exists is left as it is."""
    if not path.parent.exists():
        make_directory(path.parent)
    try:
        path.mkdir()
    except FileExistsError:
        return
    path.chmod(0o755)


def make_private(path: Path, account: Account | None) -> None:
    """Make the directory `path`, open to the server's account only; refuse one that belongs to somebody else."""
    uid = account.uid if account else os.geteuid()
    try:
        path.mkdir(mode=0o700)
        if account:
            os.chown(path, account.uid, account.gid)
        return
    except FileExistsError:
        pass
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
        raise LocalPostgresError(
            f"{str(path)!r} must be a directory of the account with the number {uid}, closed to all others "
            f"(0700), and is not. Remove it, or set BATCHSITE_VAR to another directory."
        )


def check_trusted(path: Path) -> None:
    """Refuse `path` where another account could have put something for root to run."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise LocalPostgresError(
            f"{str(path)!r} must be a directory that only the account with the number {os.geteuid()} can write. "
            f"Remove it and start again."
        )
