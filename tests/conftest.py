"""What all tests share."""

import shutil

import pytest

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


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
    return {**browser_type_launch_args, "executable_path": chromium, "args": ["--no-sandbox"]}
