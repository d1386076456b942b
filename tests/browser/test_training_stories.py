"""Watching a network rewire itself, replaying it, and asking a race for more evidence."""

from __future__ import annotations

import re

from driving import ready, shot
from playwright.sync_api import expect

from prunelab.spec import RunSpec

SHORT = RunSpec(method="rigl", sparsity=0.95, epochs=40)


def heading(page):
    return page.get_by_role("heading", level=1)


def slide(page, steps):
    slider = page.get_by_test_id("stMain").get_by_role("slider").first
    slider.focus()
    for _ in range(abs(steps)):
        page.keyboard.press("ArrowLeft" if steps < 0 else "ArrowRight")


def test_the_first_picture_is_there_without_a_run(page):
    page.goto("/training")
    ready(page)
    expect(page.get_by_text("This run came with PruneLab")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(5)


def test_a_run_is_watched_while_it_rewires_and_replayed_after(page, server):
    page.goto(f"/training?epochs={SHORT.epochs}")
    ready(page)
    page.get_by_test_id("stSidebar").get_by_role("button", name=re.compile(r"\bRun$")).click()
    expect(page).to_have_url(re.compile(f"run={SHORT.key}"))
    pixels = page.get_by_text(re.compile("pixels are read at epoch [1-9]"))
    expect(pixels).to_be_visible(timeout=120_000)
    shot(page, "training-live-1440-light")
    expect(heading(page)).to_contain_text("of the weights gone, accuracy", timeout=120_000)
    result = server.store.result(SHORT.key)
    assert [frame.epoch for frame in result.frames] == list(range(41))
    expect(page.get_by_text(f"{SHORT.epochs} of {SHORT.epochs} epochs")).to_be_visible()
    expect(page.get_by_text("pixels are read at epoch 40")).to_be_visible()
    slide(page, -3)
    expect(page.get_by_text("pixels are read at epoch 37")).to_be_visible()
    expect(page).to_have_url(re.compile("moment=37"))


def test_a_replay_plays_to_its_end(page):
    page.goto("/training?method=movement&moment=22")  # long enough to see that it plays
    ready(page)
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.get_by_text("pixels are read at epoch 30")).to_be_visible()
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_a_race_asks_for_more_seeds_and_runs_them(page, server):
    page.goto("/lottery")
    ready(page)
    expect(page.get_by_text("All runs are there")).to_be_visible()
    page.get_by_role("button", name=re.compile("run 2 more seeds")).click()
    expect(page.get_by_text(re.compile(r"of 70 runs done"))).to_be_visible()
    queued = server.store.count(method="lottery-ticket") + server.store.count(model="mlp")
    assert queued >= 70
    page.get_by_role("button", name="Cancel all").click()
    expect(page.get_by_role("button", name="Cancel all")).to_be_hidden()
    expect(page.get_by_role("button", name=re.compile("Start"))).to_be_visible()
