"""The story of a tree in a browser: grow, slide, cut by hand, undo, compare; an upload; a link."""

from __future__ import annotations

import re

import pytest
from driving import ready, shot
from playwright.sync_api import expect

from pages.ui import cuts
from prunelab import treelab
from prunelab.spec import RunSpec

MOONS = RunSpec(data="moons", model="decision-tree", method="cost-complexity")


def headline(page):
    return page.get_by_role("heading", level=1)


def slider(page):
    return page.get_by_test_id("stMain").locator(".st-key-leaves input[type=range]")


def leaves(page):
    """How many leaves the drawn tree shows, whatever the server has said by now."""
    return page.locator(".grove .node:not(.cut)").filter(has=page.locator("rect[fill^='#']"))


def test_a_tree_is_grown_slid_cut_and_compared(page):
    page.goto("/trees?data=circles")
    ready(page)
    expect(headline(page)).to_have_text("How much tree does one need?")
    page.get_by_role("button", name="Grow the tree").click()
    expect(headline(page)).to_contain_text("right on new rows", timeout=120_000)
    ready(page)
    page.get_by_role("button", name="Full tree", exact=True).click()
    expect(headline(page)).to_contain_text(re.compile(r"^All \d+ leaves"))
    slider(page).focus()
    page.keyboard.press("Home")
    expect(headline(page)).to_contain_text("One leaf")
    page.get_by_role("button", name="Best on validation", exact=True).click()
    expect(headline(page)).not_to_contain_text("One leaf")
    ready(page)
    before = headline(page).inner_text()
    page.get_by_role("treeitem").first.click()
    expect(page.get_by_text(re.compile("By hand: .* fewer"))).to_be_visible()
    expect(headline(page)).to_contain_text("One leaf")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(headline(page)).to_have_text(before)
    page.get_by_role("tab", name="All rules").click()
    expect(headline(page)).to_have_text("Which rule finds the tree one needs?")
    expect(page.locator(".js-plotly-plot")).to_be_visible(timeout=120_000)
    shot(page, "trees-rules-1440-light")


def test_the_pictures_follow_the_slider_before_the_server_answers(page):
    page.goto("/trees?leaves=20&rule=best+of+each+size")
    ready(page)
    expect(leaves(page)).to_have_count(20)
    slider(page).focus()
    for left in (19, 18, 17):
        page.keyboard.press("ArrowLeft")
        expect(leaves(page)).to_have_count(left)
    expect(headline(page)).to_contain_text("17 of 59 leaves")


def test_a_large_tree_is_folded_below_a_level(page):
    page.goto("/trees?leaves=40&rule=best+of+each+size")
    ready(page)
    expect(leaves(page)).to_have_count(40)
    page.get_by_label("Levels").select_option("3")
    folded = page.locator(".grove text.fold")
    expect(folded.first).to_be_visible()
    hidden = sum(int(text) for text in folded.all_text_contents())
    assert leaves(page).count() + hidden == 40
    assert page.locator(".grove .node").count() <= 15
    slider(page).focus()
    page.keyboard.press("ArrowLeft")
    expect(headline(page)).to_contain_text("39 of 59 leaves")
    assert leaves(page).count() + sum(int(text) for text in folded.all_text_contents()) == 39
    page.get_by_label("Levels").select_option("0")
    expect(leaves(page)).to_have_count(39)


FOUND = """leaves => new Promise((done) => {
  const look = () => {
    const { leaves: at, size, second, train, validation, confusion } = window.prunelabTree ?? {};
    if (at === leaves) done({ size, second, train, validation, confusion });
    else setTimeout(look, 10);
  };
  look();
})"""


def test_what_the_browser_computes_is_what_the_server_says(page, server):
    tree = treelab.grown(treelab.place(MOONS, server.home))
    for rule in ("cost-complexity", "best of each size"):
        page.goto(f"/trees?leaves=20&rule={rule.replace(' ', '+')}")
        ready(page)
        slider(page).focus()
        for leaves in (19, 18, 17):
            page.keyboard.press("ArrowLeft")
            place = cuts.Place("", rule, leaves)
            seen = treelab.seen(tree, cuts.base(tree, place))
            assert page.evaluate(FOUND, leaves) == {
                "size": seen.leaves,
                "second": cuts.threshold(tree, place) or str(seen.depth),
                "train": pytest.approx(seen.train),
                "validation": pytest.approx(seen.validation),
                "confusion": seen.confusion.ravel().tolist(),
            }
            numbers = page.locator(".tally dd")
            expect(numbers.nth(0)).to_have_text(f"{seen.leaves} of {tree.leaves}")
            expect(numbers.nth(3)).to_contain_text(f"{100 * seen.validation:.1f}\u00a0%")
            cells = [str(count or "·") for count in seen.confusion.ravel()]
            expect(page.locator(".taken td.right, .taken td.wrong")).to_have_text(cells)


def test_a_table_of_one_s_own_is_grown(page, tmp_path):
    rows = [f"{i % 7},{i % 5},{'yes' if (i % 7 > 2) != (i % 5 > 3) else 'no'}" for i in range(210)]
    file = tmp_path / "mine.csv"
    file.write_text("\n".join(["width,height,answer", *rows]))
    page.goto("/trees?data=table")
    ready(page)
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Grow the tree").click()
    expect(headline(page)).to_contain_text("right on new rows", timeout=120_000)
    expect(page.locator(".grove")).to_contain_text("height ≤")
