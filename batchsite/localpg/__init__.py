"""The embedded PostgreSQL: started by whoever connects first, used only where DATABASE_URL is not set."""

from pathlib import Path
from typing import Any

from .places import find_places

DATABASE = "batchsite"
USER = "batchsite"
PORT = 5432  # names the socket file only: the server never listens on TCP


def database_settings(var: Path, cluster: str) -> dict[str, Any]:
    """Return the entry of DATABASES for `cluster`; nothing is started or written by it."""
    return {
        "ENGINE": "batchsite.localpg.backend",
        "NAME": DATABASE,
        "USER": USER,
        "HOST": str(find_places(var, cluster).sockets),
        "PORT": str(PORT),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "LOCALPG": {"var": str(var), "cluster": cluster},
    }
