"""Links lead somewhere, and pages are found from the index."""

import pytest

from .pages import DOCS, TOP, headings, links, pages


@pytest.mark.parametrize(
    "path", [*pages(), TOP / "CHANGELOG.md"], ids=lambda path: str(path.relative_to(TOP))
)
def test_every_relative_link_leads_to_a_file(path):
    targets = [(path.parent / link.partition("#")[0]).resolve() for link in links(path)]
    assert [str(target.relative_to(TOP)) for target in targets if not target.exists()] == []


@pytest.mark.parametrize(
    "path", [*pages(), TOP / "CHANGELOG.md"], ids=lambda path: str(path.relative_to(TOP))
)
def test_every_link_to_a_heading_leads_to_one(path):
    for link in links(path):
        file, _, heading = link.partition("#")
        if heading:
            assert heading in headings((path.parent / file).resolve()), link


def test_every_page_is_in_the_index():
    index = DOCS / "README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert set(pages()) - listed - {index} == set()


def test_the_picture_of_the_readme_is_small():
    assert (DOCS / "images" / "review.png").stat().st_size < 300_000
