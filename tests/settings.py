"""Settings for the tests: those of the site, on a quick cluster of their own."""

import os
import tempfile
from pathlib import Path

import dj_database_url

from batchsite.localpg import database_settings
from batchsite.settings import *  # noqa: F403
from batchsite.settings import INSTALLED_APPS, VAR_DIR

SECRET_KEY = "only-for-tests-" * 5
DEBUG = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]

INSTALLED_APPS = [*INSTALLED_APPS, "tests.toys"]

_url = os.environ.get("TEST_DATABASE_URL") or os.environ.get("DATABASE_URL")
DATABASES = {
    "default": dj_database_url.parse(_url, conn_max_age=60, conn_health_checks=True)
    if _url
    else database_settings(VAR_DIR, "test")
}

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Made by the first file that is stored; tests/conftest.py removes it.
MEDIA_ROOT = Path(tempfile.gettempdir()) / f"batchsite-media-{os.getpid()}"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True  # no walk over all static files at each client's start

# Nothing is written there but by tests that name a folder of their own.
BATCHES = {"DROP_FOLDER": str(Path(tempfile.gettempdir()) / f"batchsite-drop-{os.getpid()}")}
