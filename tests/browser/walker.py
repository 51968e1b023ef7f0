"""Walk a batch through its pages as a person does, and count what the person had to decide.

What is counted as one decision: each field of a form whose value the walker changes from what the page proposes (the options at
the upload, the reading, the mapping, the number that is typed before executing), and each decision over many rows (pressing
"Decide" or "Map", excluding or putting back all that match). Each correction of a single row is one, too. What is not: choosing
the file and the vendor whose list it is, and the buttons that only lead on (Upload, Read the file, Execute).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

LONG = 300_000  # ms that a run over a whole price book may take here


class Walk:
    """One person at one browser; `worker` does what waits in the background."""

    def __init__(
        self, page: Page, url: str, worker: Callable[[], object], pictures: Path | None = None
    ) -> None:
        self.page = page
        self.url = url
        self.worker = worker
        self.pictures = pictures
        self.decisions: list[str] = []

    def choose(self, label: str, value: str) -> None:
        """Set a field; that is a decision unless the page proposes the same."""
        field = self.field(label)
        if field.evaluate("e => e.tagName") == "SELECT":
            if field.locator("option:checked").inner_text().strip() == value:
                return
            field.select_option(label=value)
        else:
            if field.input_value() == value:
                return
            field.fill(value)
        self.decisions.append(f"{label}: {value}")

    def field(self, label: str) -> Locator:
        """Return the input with this label."""
        return self.page.get_by_label(re.compile(f"^{re.escape(label)}:?$"))

    def upload(self, title: str, file: Path, vendor: str = "", **options: str) -> None:
        """Upload a file as a batch of a type."""
        self.page.goto(f"{self.url}/admin/batches/")
        self.page.get_by_role("region", name="Make a batch").get_by_role("link", name=title).click()
        self.field("File").set_input_files(file)
        if vendor:
            self.field("Vendor").select_option(vendor)
        for label, value in options.items():
            self.choose(label.replace("_", " "), value)
        self.picture("upload")
        self.page.get_by_role("button", name="Upload").click()
        expect(self.page.get_by_role("heading", name="How is the file read?")).to_be_visible(timeout=LONG)
        self.page.wait_for_load_state("load")
        self.picture("mapping")

    def mapping(self) -> dict[str, str]:
        """Return field -> heading as the page proposes it."""
        chosen = {}
        for line in self.page.locator(".b-map tbody tr").all():
            heading = line.locator("select").first.locator("option:checked")
            if heading.get_attribute("value"):
                chosen[line.locator("th label").inner_text()] = heading.inner_text()
        return chosen

    def asked(self) -> list[str]:
        """Return the questions that the file leaves open."""
        return [
            field.locator("label").inner_text()
            for field in self.page.locator(".b-asked .b-field").all()
            if not field.locator("select").input_value()
        ]

    def read(self) -> None:
        """Let the file be read as it is proposed."""
        self.page.get_by_role("button", name="Read the file").click()
        self.work()
        expect(self.page.locator(".b-state").first).to_have_text("In review")
        self.picture("review")

    def work(self) -> None:
        """Let a worker do what waits, and the page notice it by itself."""
        stop = self.page.get_by_role("button", name="Stop")
        expect(stop).to_be_visible()
        self.worker()
        expect(stop).to_have_count(0, timeout=LONG)
        self.page.wait_for_load_state("load")

    def tiles(self, group: str) -> dict[str, int]:
        """Return word -> number of a group of tiles."""
        found = self.page.get_by_role("navigation", name=re.compile(f"^{re.escape(group)}")).locator(
            "a.b-tile"
        )
        words = [
            (tile.locator(".b-tile-word").inner_text(), tile.locator(".b-tile-n").inner_text())
            for tile in found.all()
        ]
        return {re.sub(r"^\W+", "", word): number(n) for word, n in words}

    def findings(self) -> dict[str, int]:
        """Return each finding as the page words it -> the number of rows."""
        return {
            finding.locator(".b-finding-text").inner_text(): number(
                finding.locator(".b-finding-n").inner_text()
            )
            for finding in self.page.locator(".b-finding").all()
        }

    def settle(self, finding: str, words: str) -> None:
        """Decide as it is proposed for all rows of a finding that share something, and note that decision by some words."""
        self.page.locator(".b-finding", has_text=finding).get_by_role("link", name="Decide for all").click()
        self.picture("group")
        self.page.get_by_role("button", name="Decide", exact=True).click(timeout=LONG)
        self.decisions.append(words)
        expect(self.page.locator("#summary")).to_be_visible(timeout=LONG)
        self.page.wait_for_load_state("load")
        self.picture("settled")

    def correct(self, row: str, label: str, value: str) -> None:
        """Correct one cell of a row in its place."""
        self.page.get_by_label(f"Correct row {row}", exact=True).click()
        cell = self.page.locator(".b-row-editing").get_by_label(label, exact=True)
        cell.fill(value)
        # To look again and again until the tiles follow would take longer than they do.
        with self.page.expect_response(lambda answer: "/summary/" in answer.url):
            cell.press("Enter")
        expect(self.page.locator(".b-row-editing")).to_have_count(0)
        self.decisions.append(f"row {row}, {label}: {value}")

    def check_again(self) -> None:
        """Let all rows be checked again."""
        self.page.get_by_role("button", name="Check again").click()
        self.work()

    def execute(self) -> str:
        """Execute; return how completely, in the words of the page."""
        self.page.get_by_role("link", name="Execute").click()
        self.picture("execute")
        typed = self.page.get_by_label("Type how many are left out")
        if typed.count():
            left = self.page.locator("#out-head").inner_text().removeprefix("Left out: ")
            self.choose("Type how many are left out", left)
        self.page.get_by_role("button", name="Execute").click()
        self.work()
        self.picture("executed")
        return self.page.locator(".b-state").first.inner_text()

    def follow(self, link: Locator) -> None:
        """Go where a link leads, and wait until all of that page is there: half a table looks like other rows."""
        with self.page.expect_navigation(wait_until="load"):
            link.click()

    def rows(self) -> list[dict[str, str]]:
        """Return the rows that the filter shows, over all pages: heading -> text of the cell."""
        found: list[dict[str, str]] = []
        while True:
            found += self.page.evaluate(ROWS)
            following = self.page.locator("#rows a[rel=next]").first
            if not following.count():
                return found
            self.follow(following)

    def picture(self, name: str) -> None:
        """Keep the page as it looks wide and narrow, if pictures are asked for."""
        if self.pictures is None:
            return
        size = self.page.viewport_size
        for width in (1280, 420):
            self.page.set_viewport_size({"width": width, "height": 900})
            height = min(self.page.evaluate("document.documentElement.scrollHeight"), 2_000)
            area = {"x": 0, "y": 0, "width": width, "height": height}
            self.page.screenshot(path=self.pictures / f"{name}-{width}.png", full_page=True, clip=area)
        if size:
            self.page.set_viewport_size(size)


# A pair of old and new is read as "was → now".
ROWS = """() => [...document.querySelectorAll("tbody.b-row")].map(row => Object.fromEntries(
  [...row.querySelectorAll("td[data-label]")].map(cell => {
    const pair = ["del", "ins"].map(tag => cell.querySelector(tag)).filter(part => part);
    return [cell.dataset.label, (pair.length ? pair : [cell]).map(part => part.textContent.trim()).join(" → ")];
  })))"""


def number(text: str) -> int:
    """Return a number as the pages write it."""
    return int(re.sub(r"\D", "", text.split("\n")[0]))
