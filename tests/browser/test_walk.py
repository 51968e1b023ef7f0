"""A file goes from upload to executed in a real browser, with mouse or keyboard, wide or narrow."""

from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import Page, expect

from batches import actions
from batches.testing import make_batch
from tests.products.factories import ProductFactory
from tests.toys.models import Box, Thing, ThingFileBatch

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

BOOK = b"""Code,Name,Color,Cost,Box,Remark
T1,thing one,red,1.50,First,x
T2,thing two,green,2.00,First,x
T9,thing nine,blue,nine,Ninth,x
T8,thing eight,red,8.00,First,x
"""


@pytest.fixture
def site(person: Page):
    """Return a page that is logged in, where there are three things and a box."""
    box = Box.objects.create(name="First")
    for n in (1, 2, 3):
        Thing.objects.create(code=f"T{n}", name=f"thing {n}", price=Decimal(n), box=box)
    return person


def upload(site, live_server):
    """Upload the book by the page that the overview leads to."""
    site.goto(f"{live_server.url}{reverse('batches:overview')}")
    site.get_by_role("link", name="Toy file").click()
    site.get_by_label("File").set_input_files({"name": "book.csv", "mimeType": "text/csv", "buffer": BOOK})
    site.get_by_label("Description").fill("Spring book")
    site.get_by_role("button", name="Upload").click()


def work(site):
    """Let a worker do what waits, and the page notice it by itself."""
    expect(site.get_by_role("button", name="Stop")).to_be_visible()
    call_command("worker", "--once")
    expect(site.get_by_role("button", name="Stop")).to_have_count(0, timeout=10_000)


def test_from_upload_to_executed(site, live_server):
    upload(site, live_server)
    expect(site.get_by_label("Price", exact=True)).to_have_value("3")
    site.get_by_role("button", name="Read the file").click()
    work(site)
    expect(site.locator(".b-state").first).to_have_text("In review")

    # Correct the price that could not be read, in its place; the tiles follow.
    must_fix = site.locator("a.b-tile", has_text="Must fix")
    expect(must_fix).to_contain_text("2")
    site.get_by_label("Correct row 3").click()
    cell = site.locator(".b-row-editing").get_by_label("Price")
    expect(cell).to_have_value("nine")
    cell.fill("nein")
    cell.press("Enter")
    expect(site.locator(".b-row-editing .b-error")).to_contain_text("not a number")
    cell.fill("9.00")
    cell.press("Enter")
    expect(site.locator(".b-row-editing")).to_have_count(0)
    expect(must_fix).to_contain_text("1")

    # Exclude the row with the bad colour, with a reason.
    must_fix.click()
    expect(site.locator("tbody.b-row")).to_have_count(1)
    site.get_by_label("Exclude row 2").click()
    site.get_by_label("Why is it excluded?").fill("no green ones")
    site.locator("tbody").get_by_role("button", name="Exclude").click()
    expect(site.get_by_text("Excluded: no green ones")).to_be_visible()

    site.get_by_role("link", name="Execute").click()
    expect(site.get_by_role("heading", name="Left out: 1")).to_be_visible()
    site.get_by_label("Type how many are left out").fill("1")
    site.get_by_role("button", name="Execute").click()
    work(site)
    expect(site.locator(".b-state").first).to_have_text("Executed: 3 written, 1 left out before")
    assert Thing.objects.get(code="T9").price == Decimal("9.00")
    assert Thing.objects.get(code="T2").name == "thing 2"
    assert Thing.objects.get(code="T9").box.name == "Ninth"


def test_a_row_is_left_as_it_was_by_escape_and_corrected_by_keyboard_alone(site, live_server):
    batch = make_batch("toy_price", user=admin(), options={"factor": "2"})
    site.goto(f"{live_server.url}{reverse('batches:batch', args=[batch.pk])}")
    site.get_by_label("Correct row 1").focus()
    site.keyboard.press("Enter")
    first = site.locator(".b-row-editing input:not([type=hidden])").first
    expect(first).to_be_focused()
    site.keyboard.type("changed")
    site.keyboard.press("Escape")
    expect(site.locator(".b-row-editing")).to_have_count(0)
    expect(site.get_by_label("Correct row 1")).to_be_focused()
    site.keyboard.press("Enter")
    expect(first).to_be_focused()
    site.keyboard.press("Tab")
    site.keyboard.press("Control+a")
    site.keyboard.type("1.75")
    site.keyboard.press("Enter")
    expect(site.locator("tbody.b-row").first).to_contain_text("1.75")
    assert batch.rows.get(sequence=1).new_price == Decimal("1.75")


def test_the_cursor_goes_into_the_cell_that_does_not_fit(site, live_server):
    batch = make_batch("toy_price", user=admin(), options={"factor": "2"})
    site.goto(f"{live_server.url}{reverse('batches:batch', args=[batch.pk])}")
    site.get_by_label("Correct row 2").click()
    price = site.locator(".b-row-editing").get_by_label("New price")
    price.fill("dear")
    site.locator(".b-row-editing input:not([type=hidden])").first.press("Enter")
    expect(site.locator(".b-row-editing .b-error")).to_contain_text("must be a decimal number")
    expect(price).to_be_focused()


def test_correcting_begins_at_the_cell_that_must_be_fixed(site, live_server):
    batch = make_batch("toy_file", user=admin(), file=ContentFile(BOOK, name="book.csv"))
    site.goto(f"{live_server.url}{reverse('batches:batch', args=[batch.pk])}")
    for row, label in ((1, "Code"), (2, "Colour"), (3, "Price")):
        site.get_by_label(f"Correct row {row}").click()
        expect(site.locator(".b-row-editing").get_by_label(label)).to_be_focused()
        site.keyboard.press("Escape")
        expect(site.locator(".b-row-editing")).to_have_count(0)


def test_the_keyboard_stays_at_its_row_when_the_page_has_to_reload(site, live_server):
    rows = [{"code": code, "new_price": Decimal(n)} for n, code in enumerate(["T1", "T2", "T2"], 5)]
    batch = make_batch("toy_price", user=admin(), rows=rows)
    site.goto(f"{live_server.url}{reverse('batches:batch', args=[batch.pk])}")
    site.get_by_label("Exclude row 3").focus()
    site.keyboard.press("Enter")
    expect(site.get_by_label("Why is it excluded?")).to_be_focused()
    site.keyboard.press("Enter")
    expect(site.get_by_label("Put row 3 back")).to_be_focused()
    site.keyboard.press("Enter")
    expect(site.get_by_label("Correct row 3")).to_be_focused()
    expect(site.locator("tbody.b-row-error")).to_have_count(2)


def test_the_keyboard_meets_the_head_of_a_page_as_the_eye_does(site, live_server):
    site.goto(f"{live_server.url}{reverse('batches:overview')}")
    met = []
    for _stop in range(4):
        site.keyboard.press("Tab")
        met.append(site.evaluate("document.activeElement.innerText"))
    assert met[1:] == ["batchsite", "Batches", "Change password"]
    lefts = [site.get_by_role("link", name=name, exact=True).first.bounding_box()["x"] for name in met[1:]]
    assert lefts == sorted(lefts)


def test_what_the_server_did_not_answer_is_told(site, live_server, browser):
    batch = make_batch("toy_price", user=admin(), options={"factor": "2"})
    context = browser.new_context(storage_state=site.context.storage_state())
    page = context.new_page()
    page.goto(f"{live_server.url}{reverse('batches:batch', args=[batch.pk])}")
    words = page.get_by_text("The server did not answer.")
    expect(words).to_be_hidden()
    context.set_offline(True)
    page.get_by_label("Correct row 1").click()
    expect(words).to_be_visible()
    context.set_offline(False)
    page.get_by_label("Correct row 1").click()
    expect(page.locator(".b-row-editing")).to_have_count(1)
    expect(words).to_be_hidden()
    context.close()


def test_no_icon_of_a_message_covers_its_text(site, live_server):
    batch = make_batch("toy_price", user=admin(), options={"factor": "2"})
    actions.withdraw(batch, admin())
    site.goto(f"{live_server.url}{reverse('batches:execute', args=[batch.pk])}")
    message = site.locator(".messagelist .error")
    place = message.evaluate(
        "e => [parseFloat(getComputedStyle(e).backgroundPositionX), parseFloat(getComputedStyle(e).paddingLeft)]"
    )
    assert place[0] + 16 < place[1]


def admin():
    """Return the user that is logged in."""
    return get_user_model().objects.get(username="admin")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_a_narrow_window(site, live_server, scheme):
    site.emulate_media(color_scheme=scheme)
    site.set_viewport_size({"width": 400, "height": 800})
    upload(site, live_server)
    batch = ThingFileBatch.objects.get()
    urls = [reverse("batches:batch", args=[batch.pk])]
    fits(site, live_server, urls)
    actions.populate(batch, admin())
    row = batch.rows.first()
    urls += [
        reverse(f"batches:{name}", args=[batch.pk])
        for name in ("execute", "exclude_all", "options", "log", "withdraw")
    ]
    urls += [
        reverse("batches:edit_row", args=[batch.pk, row.pk]),
        reverse("batches:overview"),
        reverse("admin:index"),
    ]
    urls += [reverse("admin:toys_thingfilebatch_add"), reverse("admin:toys_thingfilebatch_changelist")]
    fits(site, live_server, urls)


def test_what_does_not_fit_into_a_narrow_history_can_be_reached(site, live_server):
    product = ProductFactory(description="W" * 200, location="L" * 20)
    site.set_viewport_size({"width": 400, "height": 800})
    site.goto(f"{live_server.url}{reverse('admin:products_product_history', args=[product.pk])}")
    box = site.locator("#change-history")
    expect(box).to_contain_text("W" * 200)
    hidden = "e => getComputedStyle(e).overflowX === 'hidden' && e.scrollWidth > e.clientWidth"
    assert not box.evaluate(hidden)
    assert box.locator("td").last.bounding_box()["width"] > 150


def fits(site, live_server, urls):
    """Each page fits into the window: only tables scroll, in their own box."""
    for url in urls:
        site.goto(f"{live_server.url}{url}")
        assert site.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0, url


def test_without_javascript_a_row_is_corrected_on_a_page_of_its_own(site, live_server, browser):
    batch = make_batch("toy_price", user=admin(), options={"factor": "2"})
    context = browser.new_context(java_script_enabled=False, storage_state=site.context.storage_state())
    plain = context.new_page()
    plain.goto(f"{live_server.url}{reverse('batches:batch', args=[batch.pk])}")
    plain.get_by_label("Correct row 2").click()
    plain.get_by_label("New price").fill("2.25")
    plain.get_by_role("button", name="Save").click()
    expect(plain.locator("tbody.b-row").nth(1)).to_contain_text("2.25")
    context.close()
