"""Choosing examples, seeing which, and taking them along."""

from __future__ import annotations

import re

import numpy as np
from driving import ready, shot
from playwright.sync_api import expect

from prunelab.spec import RunSpec

SHORT = RunSpec(
    method="el2n", model="mlp", sparsity=0.7, epochs=5, knobs={"runs": 2}, data_knobs={"flip": 0.2}
)


def test_examples_are_chosen_seen_and_taken_along(page, server):
    page.goto("/data?method=el2n&epochs=5&el2n.runs=2&digits.flip=0.2")
    ready(page)
    page.get_by_test_id("stSidebar").get_by_role("button", name=re.compile(r"\bRun$")).click()
    expect(page).to_have_url(re.compile(f"run={SHORT.key}"))
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text("of the examples gone, accuracy", timeout=120_000)
    expect(page.get_by_text("323 stay: highest score")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    page.get_by_text("Doubtful labels").click()
    expect(page.get_by_text(re.compile("stay: the labels the model doubts most"))).to_be_visible()
    ready(page)
    shot(page, "data-doubtful-1440-light")
    page.get_by_role("tab", name="Wrong labels").click()
    expect(page.get_by_text(re.compile("of the wrong labels .ROC-AUC"))).to_be_visible()
    page.get_by_role("tab", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Indices").click()
    with np.load(download.value.path(), allow_pickle=False) as told:
        rows = told["kept_indices"]
    with np.load(server.store.folder(SHORT.key) / "examples.npz", allow_pickle=False) as made:
        assert rows.tolist() == sorted(made["row"][made["kept"]].tolist())


def test_a_cell_of_the_plane_runs_its_runs(page, server):
    page.goto("/both?training=Quick&seeds=1&kept=100&kept=50&sparsities=50&examples_method=el2n")
    ready(page)
    cells = page.locator(".js-plotly-plot .points path")
    expect(cells).to_have_count(2)
    box = cells.nth(1).bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.get_by_role("button", name="Run the 1 of this cell").click()
    expect(page.get_by_text("1 of 2 cells are there")).to_be_visible(timeout=120_000)
    assert server.store.count(state="finished", method="magnitude", model="mlp") >= 1
