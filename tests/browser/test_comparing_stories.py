"""Comparing: the shipped comparison, what it says, and its figure as files."""

from __future__ import annotations

import re

from driving import ready, shot
from playwright.sync_api import expect


def test_a_comparison_is_there_at_once_and_can_be_taken_along(page):
    page.goto("/compare")
    ready(page)
    example = page.get_by_role("radio", name="Example")
    if example.count():  # other stories left runs of one's own
        example.click()
    expect(page.get_by_text("14 of 15 rules of fair comparison are kept.")).to_be_visible()
    shot(page, "compare-example-1440-light")
    page.get_by_role("tab", name="Who paid?").click()
    expect(page.get_by_text(re.compile("are forgotten by most of 3 runs"))).to_be_visible()
    ready(page)
    shot(page, "compare-paid-1440-light")
    for kind, begins in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        page.get_by_role("button", name="Figure").first.click()
        with page.expect_download() as saved:  # saving closes what was open
            page.get_by_role("button", name=kind, exact=True).click()
        assert saved.value.suggested_filename == f"prunelab-compare.{kind.lower()}"
        assert saved.value.path().read_bytes().startswith(begins)
        ready(page)
    page.get_by_role("combobox", name="Across").click()
    page.get_by_role("option", name="training", exact=True).click()
    expect(page.get_by_text(re.compile("Over training, .* on the front"))).to_be_visible()
