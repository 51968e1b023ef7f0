"""What the walks in a browser share."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

# What is expected comes at once, but other tests may keep the machine busy.
expect.set_options(timeout=15_000)


@pytest.fixture
def person(page: Page, live_server, admin_user):
    """Return a page that is logged in; at the end nothing may have been refused or failed."""
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{live_server.url}{reverse('admin:login')}")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Log in").click()
    yield page
    assert complaints == []
