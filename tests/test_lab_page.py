"""The Lab: choose, run, watch, read; links that lead nowhere, runs that failed."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from example_run import network_events, tree_arrays
from paging import SPEC, alts, finish, show, specs, store  # noqa: F401 - a fixture among them
from safetensors.numpy import save_file

from prunelab.events import Cancelled, Epoch, Failed, Started
from prunelab.spec import RunSpec


def test_the_lab_opens_with_the_run_of_its_controls(store):  # noqa: F811
    app = show("lab")
    words = app.title[0].value.replace("\u00a0", " ")
    assert words == "88.9 % of the weights gone, accuracy 95.0 → 90.0 %"
    asked, got, left, score = app.metric
    assert (asked.value, got.value) == ("88.9\u00a0%", "88.9\u00a0%")
    assert (left.label, left.value) == ("Of 360 weights", "40 left")
    assert (score.value, score.delta) == ("90.0\u00a0%", "-5.0 points")


def test_the_weights_tab_draws_the_counts_of_the_store(store):  # noqa: F811
    (chart,) = specs(show("lab", layer="fc1"))
    named = {trace["name"]: trace for trace in chart["data"]}
    assert sum(named["kept"]["y"]) == 32
    assert sum(named["removed"]["y"]) == 288


@pytest.mark.parametrize(
    "view", ["Layers", "Trade-off", "Size & cost", "Confusion", "Details", "Python"]
)
def test_every_view_of_a_run_renders(view, store):  # noqa: F811
    app = show("lab", view=view)
    assert not app.error
    assert bool(specs(app)) == (view != "Python")
    assert app.code


@pytest.mark.parametrize("said", [1, 3, 5, 7, 10])
def test_a_cancelled_run_keeps_what_it_had(said, store):  # noqa: F811
    spec = replace(SPEC, seed=20)
    finish(store, spec, [*network_events(spec)[:said], Cancelled()])
    for view in ("Weights", "Layers", "Trade-off", "Size & cost", "Confusion", "Details", "Python"):
        app = show("lab", seed="20", view=view)
        assert app.title[0].value == "Cancelled before the end"
        assert not app.error


def test_a_tree_has_its_picture_and_its_own_words(store):  # noqa: F811
    spec = RunSpec(model="decision-tree", method="cost-complexity", sparsity=0.5)
    events = [
        replace(e, unit="splits", plan={}) if isinstance(e, Started) else e
        for e in network_events(spec)
        if not isinstance(e, Epoch)
    ]
    finish(store, spec, events)
    store.folder(spec.key).mkdir(parents=True)
    np.savez(store.folder(spec.key) / "tree.npz", **tree_arrays())
    app = show("lab", run=spec.key)
    assert [tab.label for tab in app.tabs][:2] == ["Splits", "Trees"]
    assert alts(app)[0] == "Drawing of a decision tree. 5 of 7 nodes stay: 3 leaves, 2 deep."
    assert "run.plot.tree()" in app.code[0].value


def test_a_layer_that_is_clicked_shows_its_weights(store):  # noqa: F811
    folder = store.folder(SPEC.key)
    folder.mkdir(parents=True)
    mask = np.zeros((40, 8), np.uint8)
    mask[:4] = 1
    save_file({"fc1.weight": np.ones((40, 8), np.float32)}, folder / "dense.safetensors")
    save_file({"fc1": mask}, folder / "masks.safetensors")
    app = show("lab", view="Layers")
    click = {"points": [{"customdata": ["fc1"]}], "point_indices": [], "box": [], "lasso": []}
    app.session_state["chart-heatmap"] = {"selection": click}
    app.run()
    assert not app.exception
    assert any("fc1: 32 of 320 weights remain" in words for words in alts(app))


def test_one_click_asks_why_a_weight_went(store):  # noqa: F811
    assert not [b for b in show("lab").button if b.key == "why"]
    folder = store.folder(SPEC.key)
    folder.mkdir(parents=True)
    weight, mask = np.arange(320, dtype=np.float32).reshape(40, 8), np.ones((40, 8), np.uint8)
    mask[:20] = 0
    save_file({"fc1.weight": weight}, folder / "dense.safetensors")
    save_file({"fc1": mask}, folder / "masks.safetensors")
    app = show("lab")
    app.button(key="why").click().run()
    assert app.query_params["unit"] == "fc1.16.0"
    assert any("fc1: 160 of 320 weights remain" in words for words in alts(app))


def test_the_python_of_a_run_makes_that_run(store):  # noqa: F811
    app = show("lab", view="Python")
    code = app.code[0].value
    compile(code, "copied", "exec")
    assert "import prunelab as pl" in code
    assert "sparsity=0.9" in code
    assert app.code[1].value == f"run = pl.load({SPEC.key!r})"
    assert app.code[2].value.startswith("prunelab run --data digits --model lenet-300-100")


def test_run_queues_the_controls_and_shows_progress(store):  # noqa: F811
    app = show("lab", seed="5")
    app.button(key="start").click().run()
    assert not app.exception
    (spec,) = store.submitted
    assert spec == replace(SPEC, seed=5)
    assert app.title[0].value == "Waiting for a free worker"
    assert app.query_params["run"] == spec.key


def test_a_running_run_shows_its_first_histogram_and_its_curve(store):  # noqa: F811
    spec = replace(SPEC, seed=6)
    finish(store, spec, network_events(spec)[:3])
    app = show("lab", seed="6")
    assert app.title[0].value == "Training the dense model first"
    assert "before pruning" in alts(app)[0]
    assert app.get("echarts_chart")


def test_cancel_asks_the_store(store):  # noqa: F811
    spec = replace(SPEC, seed=7)
    store.submit(spec)
    show("lab", seed="7").button(key="cancel").click().run()
    assert store.state(spec.key) == "cancelled"


def test_a_link_with_only_a_run_brings_its_controls_back(store):  # noqa: F811
    spec = replace(SPEC, sparsity=0.5, seed=3)
    finish(store, spec)
    app = show("lab", run=spec.key)
    assert app.select_slider(key="sparsity").value == 0.5
    assert app.number_input(key="seed").value == 3
    assert not app.info


def test_the_shipped_example_opens_without_a_store(home):
    app = show("lab", run="example")
    assert "of the weights gone" in app.title[0].value.replace("\u00a0", " ")
    assert specs(app)


def test_a_link_to_a_deleted_run_says_so(store):  # noqa: F811
    app = show("lab", run="gone", seed="9")
    assert app.title[0].value == "This run is not here"
    assert "There is no run" in app.warning[0].value


def test_a_failed_run_gives_its_reason_and_what_to_do(store):  # noqa: F811
    spec = replace(SPEC, seed=8)
    started = next(e for e in network_events(spec) if isinstance(e, Started))
    failed = Failed(reason="The loss is nan.", advice="Lower the learning rate.", traceback="trace")
    finish(store, spec, [started, failed])
    app = show("lab", seed="8")
    assert app.error[0].value == "The loss is nan."
    assert any("Lower the learning rate." in m.value for m in app.markdown)
    assert "Details for the author of the method" in [e.label for e in app.expander]


def test_methods_that_do_not_fit_are_listed_with_their_reason(store):  # noqa: F811
    app = show("lab", model="decision-tree")
    assert "magnitude" not in app.selectbox(key="method").options
    assert any("magnitude needs a network" in c.value for c in app.caption)
    assert not [s for s in app.selectbox if s.key == "recover"]


def test_own_data_needs_a_file_before_it_can_run(store):  # noqa: F811
    app = show("lab", data="table")
    assert app.button(key="start").proto.disabled
    assert "Upload a file first." in [c.value for c in app.caption]
    rows = "a,b,class\n" + "".join(f"{i},{i % 7},{'xy'[i % 2]}\n" for i in range(40))
    app.get("file_uploader")[0].upload("mine.csv", rows.encode(), "text/csv").run()
    assert not app.exception
    assert not app.button(key="start").proto.disabled
    stored = app.query_params["file"]
    app.button(key="start").click().run()
    assert store.submitted[0].data_knobs == {"file": stored}


def test_a_link_cannot_name_a_file_of_the_machine(store):  # noqa: F811
    app = show("lab", data="table", file="/etc/passwd")
    assert app.button(key="start").proto.disabled


def test_a_link_cannot_bring_markup_into_a_page(store):  # noqa: F811
    app = show("lab", run="![x](http://example.com/x.png)", seed="9")
    assert "\\[x\\]" in app.warning[0].value


def test_the_curve_of_a_run_is_completed_with_random_beside_it(store):  # noqa: F811
    app = show("lab", view="Trade-off")
    app.button(key="complete").click().run()
    assert not app.exception
    assert {s.method for s in store.submitted} == {"magnitude", "random"}
    assert SPEC not in store.submitted
    assert {s.sparsity for s in store.submitted} == {0.5, 0.7, 0.8, 0.9, 0.95, 0.98}


def test_every_copied_line_calls_something_that_exists(store):  # noqa: F811
    from prunelab.notebook import Plots

    calls = set()
    for view in ("Weights", "Layers", "Trade-off", "Size & cost", "Confusion", "Details"):
        for block in show("lab", view=view).code:
            compile(block.value, view, "exec")
            calls |= set(re.findall(r"run\.plot\.(\w+)", block.value))
    assert calls >= {"histogram", "heatmap", "size", "macs", "latency", "confusion", "curve"}
    assert all(hasattr(Plots, call) for call in calls)
