"""Every link of the documentation leads somewhere."""

from __future__ import annotations

import pytest

from tests.docs import pages


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_every_relative_link_leads_to_a_file_and_a_heading_that_are_there(page):
    broken = []
    for link in pages.links(page):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in pages.anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_readme():
    seen, left = set(), [pages.ROOT / "README.md"]
    while left:
        page = left.pop()
        if page.suffix == ".md" and page.exists() and page not in seen:
            seen.add(page)
            left += [
                (page.parent / link.partition("#")[0]).resolve() for link in pages.links(page) if "://" not in link
            ]
    assert set(pages.PAGES) == seen & set(pages.PAGES)
