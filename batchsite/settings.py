"""Settings of the site; each value that a deployment changes comes from the environment."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from batchsite.localpg import database_settings

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("BATCHSITE_VAR") or BASE_DIR / "var").resolve()

DEBUG = os.environ.get("DEBUG", "0") == "1"
PRODUCTION = os.environ.get("BATCHSITE_PRODUCTION", "0") == "1"
SECRET_KEY_FILE = VAR_DIR / "secret_key"  # ./run makes it; web, worker and commands then sign alike
SECRET_KEY = os.environ.get("SECRET_KEY", "")
if not SECRET_KEY and PRODUCTION:
    raise ImproperlyConfigured("SECRET_KEY is not set; put a long random text into the environment.")
if not SECRET_KEY and SECRET_KEY_FILE.exists():
    SECRET_KEY = SECRET_KEY_FILE.read_text().strip()
if not SECRET_KEY:
    SECRET_KEY = "not-secret-" + "development-only-" * 4
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("CSRF_TRUSTED_ORIGINS", "").split(",") if origin]

INSTALLED_APPS = [
    "batchsite.apps.BatchsiteConfig",
    "products.apps.ProductsConfig",
    "importers.apps.ImportersConfig",
    "batches.apps.BatchesConfig",
    "pghistory",
    "pgtrigger",
    # Django 6 has the Tasks API in itself; on 5.2 the backport must be installed as an app.
    *([] if find_spec("django.tasks") else ["django_tasks"]),
    "django_tasks_db",
    "import_export",
    "django_filters",
    "django_tables2",
    "django_htmx",
    "csp",
    "batchsite.apps.SiteAdminConfig",  # django.contrib.admin with our site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "batchsite.urls"
WSGI_APPLICATION = "batchsite.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {
    "default": dj_database_url.config(conn_max_age=60, conn_health_checks=True)
    if os.environ.get("DATABASE_URL")
    else database_settings(VAR_DIR, "main")
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "admin:login"

LANGUAGE_CODE = "en-us"
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")
USE_TZ = True

STATIC_URL = "static/"
if PRODUCTION:
    # `manage.py collectstatic` gathers the files under names that change with their content.
    STATIC_ROOT = Path(os.environ.get("STATIC_ROOT") or VAR_DIR / "static")
    STATICFILES_BACKEND = "whitenoise.storage.CompressedManifestStaticFilesStorage"
else:
    # Nothing to collect: WhiteNoise serves the files from where the apps keep them, with DEBUG off as well.
    WHITENOISE_USE_FINDERS = True
    STATICFILES_BACKEND = "django.contrib.staticfiles.storage.StaticFilesStorage"
WHITENOISE_ALLOW_ALL_ORIGINS = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": STATICFILES_BACKEND},
}
MEDIA_ROOT = Path(os.environ.get("MEDIA_ROOT") or VAR_DIR / "media")
FILE_UPLOAD_PERMISSIONS = 0o640
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "batches.uploads.LimitedUpload",  # stores nothing that is too large or that a stranger sends
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# Nothing inline and nothing from elsewhere: what a cell of a vendor's file holds can never run.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
if PRODUCTION:
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = int(os.environ.get("SECURE_HSTS_SECONDS", 31536000))
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

# pghistory's own context is not used (see docs/explanation/history.md): the run is a column default.
PGHISTORY_CONTEXT_FIELD = None
PGHISTORY_OBJ_FIELD = None

BATCHES: dict = {}
if drop_folder := os.environ.get("DROP_FOLDER"):
    # The target of this name is told new regular prices.
    BATCHES |= {"DROP_FOLDER": drop_folder, "DELIVER_TO": {"prices": "batches.targets.DropFolder"}}
IMPORT_EXPORT_USE_TRANSACTIONS = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain", "stream": sys.stderr}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"batches": {"level": "INFO"}},
}
