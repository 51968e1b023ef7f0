"""Settings for ./reliability: those of the site with the toys, on a durable server in a directory of its own."""

import tempfile
from pathlib import Path

from batchsite.settings import *  # noqa: F403
from batchsite.settings import INSTALLED_APPS

SECRET_KEY = "only-for-trials-" * 5
DEBUG = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
INSTALLED_APPS = [*INSTALLED_APPS, "tests.toys"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A worker that is begun as a command has no other way to know.
DROP_FOLDER = Path(tempfile.gettempdir()) / "batchsite-trials-drop"
BATCHES = {
    "DROP_FOLDER": str(DROP_FOLDER),
    "LEASE_SECONDS": 1.0,
    "RENEW_SECONDS": 0.2,
    "POLL_SECONDS": 0.1,
    "IDLE_TIMEOUT_MS": 1_000,
}
LOGGING = {"version": 1, "disable_existing_loggers": False, "root": {"level": "ERROR"}}
