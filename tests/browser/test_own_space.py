"""What is one's own: weights and files, runs that nobody else sees, and the queue they wait in."""

from __future__ import annotations

import re

import pytest
import torch
from driving import ready, serve, shot, visit
from playwright.sync_api import expect
from safetensors.torch import save_file

import prunelab as pl
from prunelab import registry
from prunelab.spec import RunSpec

LONG = RunSpec(epochs=900, seed=5, batch_size=8)
FORM = "lab?model=mlp&recover=none"


def headline(page):
    return page.get_by_role("heading", level=1)


def run_button(page):
    return page.get_by_test_id("stSidebar").get_by_role("button", name=re.compile(r"\bRun$"))


def export(page, to):
    """Write the files of the run on the page and download them."""
    page.get_by_role("button", name="Export").click()
    page.get_by_role("button", name="Write the files").click()
    take = page.get_by_role("button", name=re.compile("Download [0-9.]+ (k|M)B"))
    expect(take).to_be_visible(timeout=120_000)
    shot(page, "export-1440-light")
    with page.expect_download() as download:
        take.click()
    download.value.save_as(to)


@pytest.fixture(scope="module")
def private(tmp_path_factory, furnish):
    """The app as it comes: what a browser runs is its own."""
    home = furnish(tmp_path_factory.mktemp("private"))
    with serve(home, {"PRUNELAB_SHARED": ""}) as running:
        yield running


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    net = registry.MODELS["mlp"].function((1, 8, 8), 10)
    file = tmp_path_factory.mktemp("weights") / "mine.safetensors"
    save_file(net.state_dict(), file)
    return file, net


def test_own_weights_are_pruned_exported_and_loaded_back_equal(browser, private, weights, tmp_path):
    file, net = weights
    there = tmp_path / "run.zip"
    with visit(browser, private, "own-weights") as page:
        page.goto(f"/{FORM}")
        ready(page)
        page.get_by_text("Start from your own weights").click()
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
        expect(page.get_by_text("tensors, ", exact=False)).to_be_visible()
        shot(page, "own-weights-1440-light")
        run_button(page).click()
        expect(headline(page)).to_contain_text("of the weights gone", timeout=120_000)
        page.reload()  # the browser is known again
        expect(headline(page)).to_contain_text("of the weights gone")
        export(page, there)
    (row,) = private.store.runs()
    assert row.owner == row.space != ""
    back = pl.load(there).model
    ours = private.store.folder(row.key)
    x = torch.randn(50, 1, 8, 8)
    from prunelab.artefacts import load_model

    assert torch.equal(back(x), load_model(ours)(x))
    dense, pruned = net.state_dict(), back.state_dict()
    kept = {n: t != 0 for n, t in pruned.items()}
    assert all(torch.equal(pruned[n][kept[n]], dense[n][kept[n]]) for n in dense)


def test_nobody_sees_or_stops_anothers_run_by_its_link(browser, private):
    with visit(browser, private, "ann") as ann, visit(browser, private, "bob") as bob:
        ann.goto(f"/lab?epochs={LONG.epochs}&seed={LONG.seed}&batch_size={LONG.batch_size}")
        ready(ann)
        run_button(ann).click()
        expect(ann.get_by_text(re.compile("epoch [0-9]+ of 900"))).to_be_visible(timeout=120_000)
        (row,) = private.store.runs(state="running")
        for key in (LONG.key, row.key):
            bob.goto(f"/lab?run={key}&seed=99")
            ready(bob)
            expect(headline(bob)).to_have_text("This run is not here")
            expect(bob.get_by_role("button", name="Cancel")).to_have_count(0)
        bob.goto("/runs")
        ready(bob)
        expect(bob.get_by_text("No runs yet")).to_be_visible()
        shot(bob, "runs-of-nobody-1440-light")
        assert private.store.row(row.key).state == "running"
        assert not private.store.row(row.key).cancel
        tab = ann.context.new_page()
        tab.goto(f"/lab?run={LONG.key}")
        ready(tab)
        tab.get_by_role("button", name="Cancel").click()
        expect(headline(ann)).to_have_text("Cancelled before the end")


def test_a_deleted_run_that_is_open_elsewhere_says_so(browser, private):
    with visit(browser, private, "deleting") as page:
        page.goto("/lab?model=decision-tree&method=cost-complexity&sparsity=0.5")
        ready(page)
        run_button(page).click()
        expect(headline(page)).to_contain_text("gone", timeout=120_000)
        (row,) = private.store.runs(model="decision-tree")
        private.store.delete(row.key)
        page.get_by_role("tab", name="Details").click()
        expect(headline(page)).to_have_text("This run is not here")


def test_a_paused_queue_is_said_and_goes_on(browser, private):
    with visit(browser, private, "paused") as page:
        page.goto("/lab?model=decision-tree&method=cost-complexity&sparsity=0.7&seed=3")
        ready(page)
        private.store.pause()
        run_button(page).click()
        expect(page.get_by_text("The queue is paused")).to_be_visible()
        shot(page, "paused-lab-1440-light")
        page.goto("/runs")
        ready(page)
        expect(page.get_by_text("The queue is paused")).to_be_visible()
        shot(page, "paused-runs-1440-light")
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_text("The queue is paused")).to_have_count(0)
        assert not private.store.paused()
        expect(page.get_by_text("waiting", exact=False)).to_have_count(0)
        assert private.store.count(state="queued") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 800])
def test_the_shared_space_is_a_choice(browser, private, width, theme):
    spec = RunSpec(seed=width, method="random")
    private.store.submit(spec)
    private.store.request_cancel(spec.key)
    with visit(browser, private, f"shared-{width}-{theme}", width, theme) as page:
        page.goto("/runs")
        ready(page)
        expect(page.get_by_text("No runs yet")).to_be_visible()
        page.get_by_role("radio", name="Shared").click()
        expect(page.get_by_text("Choose rows to open")).to_be_visible()
        shot(page, f"runs-shared-{width}-{theme}")
        wide = page.get_by_test_id("stMain").evaluate("m => m.scrollWidth - m.clientWidth")
        assert wide <= 0
