"""What all tests share."""

import os
import shutil

import pgtrigger
import pytest
from django.conf import settings

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session", autouse=True)
def _remove_media():
    yield
    shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Let a test that commits empty its tables at the end; a test of these triggers installs them for itself."""
    refusing = [
        trigger.get_uri(model) for model, trigger in pgtrigger.registered() if trigger.name == "no_truncate"
    ]
    with django_db_blocker.unblock():
        pgtrigger.uninstall(*refusing)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium, or skip the test that asks for one."""
    for name in CHROMIUM_NAMES:
        path = shutil.which(name)
        if path:
            return path
    pytest.skip("needs Chromium (Debian: apt-get install chromium)")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args, chromium):
    """Let pytest-playwright use the system's Chromium; as root it runs without its sandbox."""
    # Playwright keeps an event loop in the test's thread, which Django takes for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    return {**browser_type_launch_args, "executable_path": chromium, "args": ["--no-sandbox"]}
