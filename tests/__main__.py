"""What ./test does once the requirements are there: the quick checks side by side, then pytest."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
DEPLOY = {
    "DJANGO_SETTINGS_MODULE": "batchsite.settings",
    "BATCHSITE_PRODUCTION": "1",
    "SECRET_KEY": "a-key-for-the-check-alone-" * 3 + "0123456789",
    "ALLOWED_HOSTS": "example.org",
}
TESTS = {"DJANGO_SETTINGS_MODULE": "tests.settings"}
SHORT = ["--quiet", "--output-format", "concise"]
MANAGE = [PYTHON, "manage.py"]
LINT_IMPORTS = (
    "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
)


@dataclass(frozen=True)
class Check:
    """One command that must end with 0."""

    name: str
    command: list[str]
    environment: dict[str, str]


CHECKS = [
    Check("mypy", [PYTHON, "-m", "mypy"], TESTS),
    Check("migrations", [*MANAGE, "makemigrations", "--check", "--dry-run"], TESTS),
    Check("system checks", [*MANAGE, "check", "--fail-level", "WARNING"], TESTS),
    Check("deployment checks", [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"], DEPLOY),
    Check("import law", [PYTHON, "-c", LINT_IMPORTS, "--no-logo"], {}),
    Check("ruff check", [PYTHON, "-m", "ruff", "check", *SHORT], {}),
    Check("ruff format", [PYTHON, "-m", "ruff", "format", "--check", *SHORT], {}),
]


def main(arguments: list[str]) -> int:
    """Run the checks and the tests, or, with arguments, pytest alone with these."""
    os.chdir(TOP)
    if os.environ.get("CI") == "true":
        install_chromium()
    if arguments:
        return int(pytest.main(arguments))
    failed = run_checks()
    # pytest runs whatever the checks say and has the last line, for people and for CI.
    code = int(pytest.main([], plugins=[Reminder(failed)]))
    return code or int(bool(failed))


class Reminder:
    """Names the failed checks once more, before pytest's last line."""

    def __init__(self, failed: list[str]):
        self.failed = failed

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.failed:
            terminalreporter.section("failed checks: see the beginning")
            terminalreporter.line(", ".join(self.failed) + "; ./test ends with 1.")


def run_checks() -> list[str]:
    """Run all checks at once; print what the failing ones said and return their names."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for number, check in enumerate(CHECKS):
            output = Path(folder, str(number))
            with output.open("wb") as file:
                environment = os.environ | check.environment
                child = subprocess.Popen(
                    check.command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment
                )
            running.append((check, child, output))
        failed = []
        for check, child, output in running:
            if child.wait():
                failed.append(check.name)
                print(
                    f"--- {check.name} failed:\n{output.read_text(errors='replace').rstrip()}\n", flush=True
                )
    good = ", ".join(check.name for check in CHECKS if check.name not in failed)
    print(f"Checks passed: {good or 'none'} ({time.monotonic() - started:.0f} s).", flush=True)
    return failed


def install_chromium() -> None:
    """Fetch Chromium on a machine that is ours alone; without it the browser tests skip."""
    if shutil.which("chromium") or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", "chromium"],
    ):
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
