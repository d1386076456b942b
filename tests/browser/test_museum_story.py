"""A story of questions: an exhibit answered and run here, a cell asked about, zeros that wake."""

from __future__ import annotations

from driving import ready
from playwright.sync_api import expect


def heading(page):
    return page.get_by_role("heading", level=1)


def test_an_exhibit_is_answered_and_its_code_runs_here(page):
    page.goto("/museum")
    ready(page)
    page.locator(".st-key-open-tied_scores button").click()
    expect(heading(page)).to_have_text("Asked for half, got more")
    assert page.locator("pre.lit mark").count() == 0
    page.get_by_text("Many weights share the score at the line").click()
    expect(page.get_by_text("That is it: the lines are lit.")).to_be_visible()
    expect(page.locator("pre.lit mark").first).to_contain_text("line = scores.sort()")
    page.get_by_role("button", name="Run it here").click()
    expect(page.get_by_text("The numbers are those of this machine")).to_be_visible(timeout=120_000)
    page.get_by_role("button", name="All exhibits").click()
    expect(page.get_by_role("button", name="Seen; look again")).to_be_visible()


def test_a_click_on_a_cell_asks_why_it_went(page):
    page.goto("/xray?method=snip")
    ready(page)
    expect(page.get_by_text("Why does row 1, column 1")).to_be_visible(timeout=120_000)
    page.get_by_role("button", name="Next step").click()
    expect(heading(page)).to_have_text("This is how the loss would change")
    chart = page.locator("[data-testid=stPlotlyChart]").first
    point = chart.locator(".scatterlayer .point").nth(6)  # row 2, column 3
    expect(point).to_be_attached()
    ready(page)
    box = point.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.get_by_text("Why does row 2, column 3")).to_be_visible()


def test_zeros_wake_by_old_momentum_and_stay_with_masked_weights(page):
    page.goto("/resurrection")
    ready(page)
    page.get_by_role("button", name="One step").click()
    expect(heading(page)).to_contain_text("Old momentum woke 100")
    page.get_by_text("Mask the weights").click()
    page.get_by_role("button", name="One step").click()
    expect(heading(page)).to_have_text("Every zero is still zero")
