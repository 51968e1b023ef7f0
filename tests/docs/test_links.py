"""Links lead somewhere, and pages are found from the index."""

import pytest

from .pages import DOCS, TOP, links, pages

LATER = {"docs/performance.md"}  # written together with ./bench


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(TOP)))
def test_every_relative_link_leads_to_a_file(path):
    targets = [(path.parent / link.partition("#")[0]).resolve() for link in links(path)]
    missing = {str(target.relative_to(TOP)) for target in targets if not target.exists()}
    assert missing - LATER == set()


def test_every_page_is_in_the_index():
    index = DOCS / "README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert set(pages()) - listed - {index} - {TOP / name for name in LATER} == set()


def test_the_picture_of_the_readme_is_small():
    assert (DOCS / "images" / "review.png").stat().st_size < 300_000
