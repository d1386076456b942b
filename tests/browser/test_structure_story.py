"""A network in a browser: opened, dragged, asked what it bears, seen filter by filter."""

from __future__ import annotations

import re

from driving import ready, shot
from playwright.sync_api import expect


def test_a_network_is_opened_dragged_and_looked_at(page):
    page.goto("/structure?model=mlp&training=Quick")
    ready(page)
    heading = page.get_by_role("heading", level=1)
    page.get_by_role("button", name="Look inside").click()
    expect(heading).to_contain_text("Without 50", timeout=120_000)
    ready(page)
    grip = page.get_by_role("slider", name="filters of fc2 that stay")
    expect(grip).to_have_attribute("aria-valuenow", "16")
    before = page.locator(".bars dd").nth(1).inner_text()
    grip.focus()
    page.keyboard.press("ArrowLeft")
    expect(grip).to_have_attribute("aria-valuenow", "15")
    expect(page.locator(".bars dd").nth(1)).not_to_have_text(before)
    expect(page).to_have_url(re.compile("kept=32-15"))
    expect(heading).to_contain_text("51")
    expect(grip).to_be_focused()
    track = page.locator(".bars .track").first
    box = track.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 10, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile("kept=16-15"))
    ready(page)
    shot(page, "structure-hand-1440-light")
    page.get_by_role("tab", name="What each layer bears").click()
    expect(page.get_by_text(re.compile("costs most accuracy"))).to_be_visible(timeout=120_000)
    page.get_by_role("tab", name="Filters that go").click()
    expect(page.get_by_text("48 of fc1 go")).to_be_visible()
