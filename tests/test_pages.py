"""Every page renders in both themes from a store, without torch, and says what went wrong."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from example_run import network_events, tree_arrays
from safetensors.numpy import save_file
from streamlit.testing.v1 import AppTest

from prunelab import engine
from prunelab.events import Cancelled, Epoch, Failed, Started
from prunelab.spec import RunSpec
from prunelab.store import Store, StoreError

ROOT = Path(__file__).parents[1]
PAGES = (
    "home",
    "lab",
    "training",
    "lottery",
    "trees",
    "structure",
    "language",
    "data",
    "both",
    "forecast",
    "scissors",
    "predict",
    "schedules",
    "sweep",
    "compare",
    "museum",
    "balance",
    "breakeven",
    "lessons",
    "xray",
    "resurrection",
    "runs",
    "methods",
)
THEMES = ("light", "dark")
SPEC = RunSpec()


@pytest.fixture
def store(home, monkeypatch):
    """A store with one finished run; nothing starts an engine."""
    submitted, ensured = [], []

    def submit(store, spec):
        submitted.append(spec)
        return store.submit(spec)

    monkeypatch.setattr(engine, "submit", submit)
    monkeypatch.setattr(engine, "ensure", lambda home, url: ensured.append(home))
    opened = Store()
    finish(opened, SPEC)
    opened.submitted, opened.ensured = submitted, ensured
    return opened


def finish(store, spec, events=None):
    store.submit(spec)
    attempt = store.claim(spec.key, "test")
    store.append(spec.key, events or network_events(spec), attempt=attempt)


def show(page, monkeypatch=None, theme="light", **query):
    app = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=60)
    app.session_state["_booted"] = True
    for name, value in query.items():
        app.query_params[name] = value
    if monkeypatch:
        from pages.ui import shell

        monkeypatch.setattr(shell, "theme", lambda: theme)
    app.run()
    assert not app.exception, app.exception
    return app


def specs(app):
    return [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]


def alts(app):
    return [chart.proto.alt for chart in app.get("plotly_chart")]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_one_title_and_charts_with_words(page, theme, store, monkeypatch):
    app = show(page, monkeypatch, theme)
    assert len(app.title) == 1
    assert all(alts(app))
    assert not app.error


def test_no_page_brings_torch_or_a_scheduler_into_the_app(store):
    code = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from test_pages import PAGES, show
for page in PAGES:
    show(page)
for view in ("All rules", "Forests", "Trees beside nets"):
    show("trees", view=view)
show("lab", run={SPEC.key!r})
print(sorted({{"torch", "sklearn", "dask", "distributed", "plotly.express"}} & set(sys.modules)))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_lab_opens_with_the_run_of_its_controls(store):
    app = show("lab")
    words = app.title[0].value.replace("\u00a0", " ")
    assert words == "88.9 % of the weights gone, accuracy 95.0 → 90.0 %"
    asked, got, left, score = app.metric
    assert (asked.value, got.value) == ("88.9\u00a0%", "88.9\u00a0%")
    assert (left.label, left.value) == ("Of 360 weights", "40 left")
    assert (score.value, score.delta) == ("90.0\u00a0%", "-5.0 points")


def test_the_weights_tab_draws_the_counts_of_the_store(store):
    (chart,) = specs(show("lab", layer="fc1"))
    named = {trace["name"]: trace for trace in chart["data"]}
    assert sum(named["kept"]["y"]) == 32
    assert sum(named["removed"]["y"]) == 288


@pytest.mark.parametrize(
    "view", ["Layers", "Trade-off", "Size & cost", "Confusion", "Details", "Python"]
)
def test_every_view_of_a_run_renders(view, store):
    app = show("lab", view=view)
    assert not app.error
    assert bool(specs(app)) == (view != "Python")
    assert app.code


@pytest.mark.parametrize("said", [1, 3, 5, 7, 10])
def test_a_cancelled_run_keeps_what_it_had(said, store):
    spec = replace(SPEC, seed=20)
    finish(store, spec, [*network_events(spec)[:said], Cancelled()])
    for view in ("Weights", "Layers", "Trade-off", "Size & cost", "Confusion", "Details", "Python"):
        app = show("lab", seed="20", view=view)
        assert app.title[0].value == "Cancelled before the end"
        assert not app.error


def test_a_tree_has_its_picture_and_its_own_words(store):
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


def test_a_layer_that_is_clicked_shows_its_weights(store):
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


def test_the_app_freezes_what_its_imports_made():
    code = f"""
import gc
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(ROOT / "app.py")!r}, default_timeout=60).run()
assert not app.exception, app.exception
print(len(app.title), gc.get_freeze_count() > 10_000)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout.split() == ["1", "True"], done.stderr[-2000:]


def test_the_python_of_a_run_makes_that_run(store):
    app = show("lab", view="Python")
    code = app.code[0].value
    compile(code, "copied", "exec")
    assert "import prunelab as pl" in code
    assert "sparsity=0.9" in code
    assert app.code[1].value == f"run = pl.load({SPEC.key!r})"
    assert app.code[2].value.startswith("prunelab run --data digits --model lenet-300-100")


def test_run_queues_the_controls_and_shows_progress(store):
    app = show("lab", seed="5")
    app.button(key="start").click().run()
    assert not app.exception
    (spec,) = store.submitted
    assert spec == replace(SPEC, seed=5)
    assert app.title[0].value == "Waiting for a free worker"
    assert app.query_params["run"] == spec.key


def test_a_running_run_shows_its_first_histogram_and_its_curve(store):
    spec = replace(SPEC, seed=6)
    finish(store, spec, network_events(spec)[:3])
    app = show("lab", seed="6")
    assert app.title[0].value == "Training the dense model first"
    assert "before pruning" in alts(app)[0]
    assert app.get("echarts_chart")


def test_cancel_asks_the_store(store):
    spec = replace(SPEC, seed=7)
    store.submit(spec)
    show("lab", seed="7").button(key="cancel").click().run()
    assert store.state(spec.key) == "cancelled"


def test_a_link_with_only_a_run_brings_its_controls_back(store):
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


def test_a_link_to_a_deleted_run_says_so(store):
    app = show("lab", run="gone", seed="9")
    assert app.title[0].value == "This run is not here"
    assert "There is no run" in app.warning[0].value


def test_a_failed_run_gives_its_reason_and_what_to_do(store):
    spec = replace(SPEC, seed=8)
    started = next(e for e in network_events(spec) if isinstance(e, Started))
    failed = Failed(reason="The loss is nan.", advice="Lower the learning rate.", traceback="trace")
    finish(store, spec, [started, failed])
    app = show("lab", seed="8")
    assert app.error[0].value == "The loss is nan."
    assert any("Lower the learning rate." in m.value for m in app.markdown)
    assert "Details for the author of the method" in [e.label for e in app.expander]


def test_methods_that_do_not_fit_are_listed_with_their_reason(store):
    app = show("lab", model="decision-tree")
    assert "magnitude" not in app.selectbox(key="method").options
    assert any("magnitude needs a network" in c.value for c in app.caption)
    assert not [s for s in app.selectbox if s.key == "recover"]


def test_own_data_needs_a_file_before_it_can_run(store):
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


def test_a_link_cannot_name_a_file_of_the_machine(store):
    app = show("lab", data="table", file="/etc/passwd")
    assert app.button(key="start").proto.disabled


def test_a_link_cannot_bring_markup_into_a_page(store):
    app = show("lab", run="![x](http://example.com/x.png)", seed="9")
    assert "\\[x\\]" in app.warning[0].value


def test_the_curve_of_a_run_is_completed_with_random_beside_it(store):
    app = show("lab", view="Trade-off")
    app.button(key="complete").click().run()
    assert not app.exception
    assert {s.method for s in store.submitted} == {"magnitude", "random"}
    assert SPEC not in store.submitted
    assert {s.sparsity for s in store.submitted} == {0.5, 0.7, 0.8, 0.9, 0.95, 0.98}


def test_every_copied_line_calls_something_that_exists(store):
    from prunelab.notebook import Plots

    calls = set()
    for view in ("Weights", "Layers", "Trade-off", "Size & cost", "Confusion", "Details"):
        for block in show("lab", view=view).code:
            compile(block.value, view, "exec")
            calls |= set(re.findall(r"run\.plot\.(\w+)", block.value))
    assert calls >= {"histogram", "heatmap", "size", "macs", "latency", "confusion", "curve"}
    assert all(hasattr(Plots, call) for call in calls)


def test_a_sweep_counts_its_runs_and_brings_random(store):
    app = show("sweep", seeds="2")
    button = app.button(key="start-sweep")
    assert button.label == "Start 15 runs"  # 4 sparsities, 2 seeds, 2 methods, less the stored one
    button.click().run()
    assert not app.exception
    assert {s.method for s in store.submitted} == {"magnitude", "random"}
    assert store.count(state="queued") == 15
    app.button(key="cancel-all").click().run()
    assert store.count(state="queued") == 0


def test_a_sweep_starts_from_weights_of_ones_own(store):
    from safetensors.numpy import save

    given = save({"fc1.weight": np.ones((3, 2), np.float32)})
    app = show("sweep", seeds="1")
    app.get("file_uploader")[0].upload("mine.safetensors", given, "application/octet-stream").run()
    assert not app.exception
    assert "1 tensors, 6 numbers" in [c.value for c in app.caption]
    stored = app.query_params["weights"]
    app.button(key="start-sweep").click().run()
    assert {s.weights for s in store.submitted} == {stored}
    assert len(store.submitted) == 8
    again = show("sweep", seeds="1", weights=stored)
    assert "Using the file of this link." in [c.value for c in again.caption]
    assert again.button(key="start-sweep").proto.disabled


def test_more_runs_than_the_limit_are_refused_before_they_start(store, monkeypatch):
    monkeypatch.setenv("PRUNELAB_MAX_RUNS", "14")
    app = show("sweep", seeds="2")
    assert app.button(key="start-sweep").proto.disabled
    assert "15 runs at once are more than the limit of 14" in app.warning[0].value
    assert "PRUNELAB" in app.warning[0].value


def test_a_comparison_with_a_name_chooses_the_methods(store):
    app = show("sweep", preset="Gale et al. 2019")
    assert app.button(key="start-sweep").label == "Start 75 runs"
    assert not [box for box in app.multiselect if box.key == "methods"]
    app.button(key="start-sweep").click().run()
    assert not app.exception
    assert {s.recover for s in store.submitted if s.method == "random"} == {"rewind"}
    finish(store, store.submitted[0])
    code = next(
        c.value for c in show("sweep", preset="Gale et al. 2019").code if "pl.sweep" in c.value
    )
    assert "preset='gale'" in code
    assert "method=" not in code
    tree = show("sweep", model="decision-tree").selectbox(key="preset")
    assert tree.options == ["Methods of your choice"]


def test_a_sweep_shows_the_runs_there_are(store):
    (chart,) = specs(show("sweep"))
    assert any(t.get("y") == [0.9] for t in chart["data"])


def test_the_history_lists_filters_and_deletes(store):
    finish(store, replace(SPEC, seed=1))
    app = show("runs")
    assert len(app.dataframe[0].value) == 2
    assert set(app.dataframe[0].value["accuracy"]) == {0.9}
    app.multiselect(key="only-state").select("failed").run()
    assert app.info[0].value == "No run matches. Widen the filters above."


def test_an_empty_history_leads_to_the_lab(home):
    app = show("runs")
    assert any("No runs yet" in m.value for m in app.markdown)


def test_the_library_shows_a_card_for_everything(store):
    from pages.ui import desk

    app = show("methods")
    assert {h.value for h in app.header} == set(desk.known()["methods"])
    assert {h.value for h in show("methods", shelf="Models").header} == set(desk.known()["models"])


def test_a_broken_file_has_a_card(store, monkeypatch):
    from pages.ui import desk

    known = {**desk.known(), "broken": {"methods": {"rigl": "Traceback\nSyntaxError: oops"}}}
    monkeypatch.setattr(desk, "known", lambda: known)
    app = show("methods")
    assert app.error[0].value == "rigl.py could not be loaded: SyntaxError: oops"


def test_a_store_that_cannot_be_opened_is_explained(home, monkeypatch):
    monkeypatch.setenv("PRUNELAB_STORE", "nonsense")
    app = show("runs")
    assert "must be a database URL" in app.error[0].value


def test_streamlit_still_knows_our_hidden_settings():
    from streamlit import config

    assert config.get_option("runner.postScriptGC") is False
    assert config.get_option("server.fileWatcherType") == "none"


def test_a_store_that_refuses_a_run_says_why(store, monkeypatch):
    def refuse(store, spec):
        raise StoreError("No space left for the store.")

    monkeypatch.setattr(engine, "submit", refuse)
    app = show("lab", seed="5")
    app.button(key="start").click().run()
    assert app.error[0].value == "No space left for the store."
    assert not app.exception


def test_the_app_is_closed_to_other_machines_and_sites():
    told = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["server"]
    assert told["address"] == "127.0.0.1"
    assert told["enableXsrfProtection"] is told["enableCORS"] is True
    assert told["maxUploadSize"] == 200


def test_texts_are_offered_where_a_model_reads_them(store):
    assert "tales" in show("lab", data="tales").selectbox(key="data").options
    assert show("lab", data="tales").selectbox(key="model").options == ["decoder"]
    for page in ("data", "trees"):
        assert "tales" not in show(page, data="tales").selectbox(key="data").options, page
