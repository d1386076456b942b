"""Sweep and the history of runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from paging import SPEC, finish, show, specs, store  # noqa: F401 - a fixture among them


def test_a_sweep_counts_its_runs_and_brings_random(store):  # noqa: F811
    app = show("sweep", seeds="2")
    button = app.button(key="start-sweep")
    assert button.label == "Start 15 runs"  # 4 sparsities, 2 seeds, 2 methods, less the stored one
    button.click().run()
    assert not app.exception
    assert {s.method for s in store.submitted} == {"magnitude", "random"}
    assert store.count(state="queued") == 15
    app.button(key="cancel-all").click().run()
    assert store.count(state="queued") == 0


def test_a_sweep_starts_from_weights_of_ones_own(store):  # noqa: F811
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


def test_more_runs_than_the_limit_are_refused_before_they_start(store, monkeypatch):  # noqa: F811
    monkeypatch.setenv("PRUNELAB_MAX_RUNS", "14")
    app = show("sweep", seeds="2")
    assert app.button(key="start-sweep").proto.disabled
    assert "15 runs at once are more than the limit of 14" in app.warning[0].value
    assert "PRUNELAB" in app.warning[0].value


def test_a_comparison_with_a_name_chooses_the_methods(store):  # noqa: F811
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


def test_a_sweep_shows_the_runs_there_are(store):  # noqa: F811
    (chart,) = specs(show("sweep"))
    assert any(t.get("y") == [0.9] for t in chart["data"])


def test_the_history_lists_filters_and_deletes(store):  # noqa: F811
    finish(store, replace(SPEC, seed=1))
    app = show("runs")
    assert len(app.dataframe[0].value) == 2
    assert set(app.dataframe[0].value["accuracy"]) == {0.9}
    app.multiselect(key="only-state").select("failed").run()
    assert app.info[0].value == "No run matches. Widen the filters above."


def test_an_empty_history_leads_to_the_lab(home):
    app = show("runs")
    assert any("No runs yet" in m.value for m in app.markdown)
