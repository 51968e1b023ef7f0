"""Settings for ./bench: those of the site, on a durable database of its own."""

import os
import tempfile
from pathlib import Path

from batchsite.settings import *  # noqa: F403
from batchsite.settings import DATABASES

DEBUG = False
ALLOWED_HOSTS = ["testserver"]
DATABASES["default"]["NAME"] = os.environ["BENCH_DATABASE"]
MEDIA_ROOT = Path(os.environ.get("BENCH_MEDIA") or tempfile.gettempdir())
LOGGING = {"version": 1, "disable_existing_loggers": False, "root": {"level": "WARNING"}}
