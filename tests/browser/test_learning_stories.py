"""Stories of the pages one learns from: a line dragged over weights, a curve sketched before."""

from __future__ import annotations

import re

from driving import ready, visit
from playwright.sync_api import expect

from prunelab import examples
from prunelab.scissors import ALL


def test_a_line_is_dragged_without_the_server_and_let_go(page):
    cuts = examples.scissors().told["cuts"]
    page.goto("/scissors")
    ready(page)
    blade = page.locator(".blade")
    numbers = page.locator(".blade .numbers dd")
    expect(numbers.nth(1)).to_contain_text("45,180 of 50,200")
    box = page.locator(".blade .bars").bounding_box()
    page.mouse.move(box["x"] + 0.58 * box["width"], box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.65 * box["width"], box["y"] + 90)
    expect(blade).not_to_have_attribute("data-at", "all 36")
    _, stop = blade.get_attribute("data-at").split()
    there = cuts[ALL][int(stop)]
    expect(numbers.nth(1)).to_contain_text(f"{there['gone']:,} of 50,200")
    assert "stop=" not in page.url  # nothing was asked of the server yet
    page.mouse.up()
    expect(page).to_have_url(re.compile(f"stop={stop}"))


def test_a_layer_is_cut_with_the_keys_and_the_cut_becomes_a_run(page, server):
    page.goto("/scissors?stop=18")
    ready(page)
    numbers = page.locator(".blade .numbers dd")
    page.get_by_role("radio", name="fc1").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("of fc1 can be cut")
    page.locator(".blade .line").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(numbers.nth(1)).to_contain_text("9,600 of 19,200")
    expect(page.locator(".blade .layers")).to_contain_text("30,000 of 30,000 left")
    expect(page).to_have_url(re.compile("(?=.*place=fc1)(?=.*stop=20)"))
    page.reload()
    expect(numbers.nth(1)).to_contain_text("9,600 of 19,200")
    page.get_by_role("button", name="Cut here and fine-tune").click()
    expect(page).to_have_url(re.compile("run=digits-lenet-300-100-magnitude-50"))
    (row,) = server.store.runs(method="magnitude", data="digits", limit=1)
    assert row.spec.layers == {"fc1": 0.5}
    server.store.request_cancel(row.key)


def test_a_curve_is_sketched_revealed_and_seen_by_the_room(browser, page, server):
    page.goto("/predict?room=class1")
    ready(page)
    reveal = page.get_by_role("button", name="Reveal the truth")
    expect(reveal).to_be_disabled()
    sketch = page.locator(".sketch").first
    box = sketch.locator("svg").bounding_box()
    page.mouse.move(box["x"] + 120, box["y"] + 40)
    page.mouse.down()
    for share in (0.3, 0.5, 0.7, 0.95):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 40 + 250 * share, steps=6)
    page.mouse.up()
    sketch.get_by_role("slider", name="Accuracy with 99 % removed").focus()
    sketch.locator(".handle").last.evaluate("handle => handle.classList.add('old')")
    page.set_viewport_size({"width": 1300, "height": 1000})
    expect(sketch.locator(".old")).to_have_count(0)  # drawn anew, and still where keys go
    page.keyboard.press("End")
    expect(page).to_have_url(re.compile(r"sketch=\d+(\.\d+){5}\.100"))
    assert page.locator(".truth").count() == 0
    reveal.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("points off on average")
    expect(page.locator(".sketch .truth")).to_have_count(2)
    expect(page.locator(".sketch .other")).to_have_count(1)
    with visit(browser, server, "second-author") as other:
        other.goto("/predict?room=class1&sketch=90.90.90.90.80.50.20")
        ready(other)
        other.get_by_role("button", name="Reveal the truth").click()
        expect(other.locator(".sketch .other")).to_have_count(2)
    expect(page.locator(".sketch .other")).to_have_count(2)  # without a hand on this page


def test_anything_that_is_clicked_tells_why(page):
    page.goto("/lab?run=example&view=Layers&unit=fc1.3.5")
    ready(page)
    card = page.locator(".st-key-card-why")
    expect(card).to_contain_text("Why does fc1[3, 5]")
    page.locator(".st-key-chart-closer .nsewdrag").first.click(position={"x": 200, "y": 60})
    expect(card).not_to_contain_text("fc1[3, 5]")
    expect(page).to_have_url(re.compile(r"unit=fc1\.\d+\.\d+"))
    page.locator(".st-key-chart-matrix .nsewdrag").first.click(position={"x": 300, "y": 200})
    expect(page).to_have_url(re.compile(r"unit=fc1\.1\d\d\."))
    page.goto("/structure?view=Filters+that+go")
    ready(page)
    page.locator(".st-key-chart-filters-go .nsewdrag").first.click(position={"x": 20, "y": 20})
    expect(card).to_contain_text(re.compile(r"Why does filter \d+ of conv1 go"))
    expect(card).to_contain_text("of 12 other methods would keep it")
    page.goto("/data?run=example-data&view=Pictures")
    ready(page)
    page.locator(".st-key-chart-gallery-kept .nsewdrag").first.click(position={"x": 25, "y": 25})
    expect(card).to_contain_text("of all 1,077 examples")
