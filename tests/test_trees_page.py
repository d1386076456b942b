"""The Trees page: numbers of the tree itself, cuts by hand, one look at the test, clear errors."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from paging import SPEC, alts, finish, show, specs, store  # noqa: F401 - a fixture among them

import prunelab as pl
from pages.ui import cuts, desk, shell
from prunelab import aside, engine, figures, treelab
from prunelab.events import Pruned
from prunelab.shelves import CatalogueError
from prunelab.spec import RunSpec
from prunelab.store import StoreError

MOONS = RunSpec(data="moons", model="decision-tree", method="cost-complexity")


@pytest.fixture
def tree():
    return treelab.grown(treelab.place(MOONS))


def sent(app, name):
    """What a component of the page was given to draw."""
    (one,) = (c for c in app.get("bidi_component") if c.proto.component_name.endswith(name))
    return json.loads(one.proto.json or one.proto.mixed.json)


def metrics(app):
    data = sent(app, "tally")
    found = data["found"]
    return {
        "Leaves": f"{found['size']} of {data['full']['size']}",
        found.get("label", data["label"]): found["second"],
        "Training rows right": f"{100 * found['train']:.1f} %",
        "Validation rows right": f"{100 * found['validation']:.1f} %",
    }


def title(app):
    return app.title[0].value.replace("\u00a0", " ")


@pytest.mark.parametrize("leaves", [1, 2, 9, 30, 59])
def test_the_slider_tells_what_the_tree_scores(leaves, store, tree):  # noqa: F811
    app = show("trees", leaves=str(leaves))
    steps = treelab.steps(tree, "cost-complexity")
    at = treelab.at_leaves(steps, leaves)
    told = metrics(app)
    assert told["Leaves"] == f"{steps.leaves[at]} of {tree.leaves}"
    assert told["Effective α"] == f"{steps.alphas[at]:.3g}"
    assert told["Training rows right"] == f"{100 * steps.train[at]:.1f} %"
    assert told["Validation rows right"] == f"{100 * steps.validation[at]:.1f} %"
    assert f"{100 * steps.validation[at]:.1f} % right on new rows" in title(app)


def test_every_size_exists_where_no_rule_says_which(store, tree):  # noqa: F811
    for leaves in (7, 8, 13):
        told = metrics(show("trees", leaves=str(leaves), rule=cuts.EVERY))
        assert told["Leaves"] == f"{leaves} of {tree.leaves}"
        assert "Depth" in told


def test_over_and_under_pruning_are_pointed_at(store):  # noqa: F811
    words = {leaves: show("trees", leaves=str(leaves)).markdown[0].value for leaves in (2, 14, 59)}
    assert words[2].startswith("**Over-pruned.**")
    assert words[14].startswith("**About right.**")
    assert words[59].startswith("**Under-pruned.** It knows its training rows by heart")


def test_moving_the_slider_is_quick(store, capsys):  # noqa: F811
    app = show("trees")
    taken = []
    for leaves in range(10, 40):
        began = time.process_time()
        app.slider(key=cuts.LEAVES).set_value(leaves).run()
        taken.append(time.process_time() - began)
    assert not app.exception
    assert np.median(taken) < 0.25  # of the processor; mostly it is well below 0.1


def test_the_stops_move_the_slider(store, tree):  # noqa: F811
    app = show("trees", leaves="5")
    app.button(key="go-Full tree").click().run()
    assert title(app).startswith(f"All {tree.leaves} leaves")
    app.button(key="go-1-SE").click().run()
    steps = treelab.steps(tree, "cost-complexity")
    assert metrics(app)["Leaves"].startswith(f"{steps.leaves[treelab.one_se(tree, steps)]} of")
    app.button(key="go-One leaf").click().run()
    assert title(app).startswith("One leaf")


def test_a_cut_by_hand_changes_all_and_is_undone(store, tree):  # noqa: F811
    app = show("trees", leaves="14")
    place = cuts.Place(treelab.place(MOONS).name, "cost-complexity", 14)
    before = metrics(app)
    app.session_state["_cuts"] = (place, (int(tree.left[0]),))
    app.run()
    seen = treelab.seen(tree, treelab.toggle(tree, cuts.base(tree, place), int(tree.left[0])))
    assert metrics(app)["Leaves"] == f"{seen.leaves} of {tree.leaves}"
    assert metrics(app)["By hand"] == "1 change"
    assert sent(app, "taken")["found"]["confusion"] == seen.confusion.ravel().tolist()
    assert sent(app, "ring")["found"]["size"] == seen.leaves
    assert any(c.value.startswith("By hand:") for c in app.caption)
    app.button(key="undo").click().run()
    assert metrics(app) == before
    assert app.button(key="undo").proto.disabled


def test_cuts_by_hand_belong_to_a_position_of_the_slider(store, tree):  # noqa: F811
    app = show("trees", leaves="14")
    place = cuts.Place(treelab.place(MOONS).name, "cost-complexity", 14)
    app.session_state["_cuts"] = (place, (int(tree.left[0]),))
    app.slider(key=cuts.LEAVES).set_value(20).run()
    assert "By hand" not in metrics(app)


def test_the_test_data_are_read_only_when_asked(store, tree, monkeypatch):  # noqa: F811
    read = []
    real = treelab.test_counts
    monkeypatch.setattr(treelab, "test_counts", lambda folder: read.append(folder) or real(folder))
    app = show("trees", leaves="14")
    app.slider(key=cuts.LEAVES).set_value(9).run()
    assert not read
    app.button(key="test").click().run()
    assert len(read) == 1
    assert any("Test accuracy" in m.value and "9 leaves" in m.value for m in app.markdown)
    app.slider(key=cuts.LEAVES).set_value(20).run()
    app.button(key="test").click().run()
    assert any("You have looked 2 times" in c.value for c in app.caption)


def test_all_rules_are_on_one_plot(store):  # noqa: F811
    app = show("trees", view="All rules")
    (chart,) = specs(app)
    lines = {t["name"] for t in chart["data"] if t["mode"] == "lines"}
    assert {"cost-complexity", "reduced-error", "random"} <= lines
    assert len([e for e in app.expander if ": " in e.label]) == 10
    assert "Means of 5 splits" in alts(app)[0]


def test_forests_and_boosting_are_on_one_plot(store):  # noqa: F811
    app = show("trees", view="Forests")
    (chart,) = specs(app)
    lines = {t["name"] for t in chart["data"] if t["mode"] == "lines"}
    assert {"one tree", "forest, one α", "thin-reduced-error", "fewer-stages"} <= lines
    assert "Means of 3 splits" in alts(app)[0]
    assert any("already averages the noise away" in c.value for c in app.caption)
    words = {e.label.split("**")[1] for e in app.expander if "**" in e.label}
    assert {"one tree", "thin-margin", "boosting, smaller stages"} <= words


def test_trees_stand_beside_nets(store):  # noqa: F811
    app = show("trees", view="Trees beside nets")
    assert app.button(key="missing").label == "Run the 10 that are missing"
    app.button(key="missing").click().run()
    assert {s.model for s in store.submitted} == {"decision-tree", "mlp"}
    assert not [b for b in app.button if b.key == "missing"]


def test_stored_trees_and_nets_share_a_plot(store):  # noqa: F811
    from example_run import network_events

    for model, method in (("decision-tree", "cost-complexity"), ("mlp", "magnitude")):
        spec = RunSpec(data="moons", model=model, method=method, sparsity=0.9)
        finish(store, spec, network_events(spec))
    chart = specs(show("trees", view="Trees beside nets"))[-1]
    names = {t["name"] for t in chart["data"] if t["mode"] == "lines"}
    assert names == {"decision-tree, cost-complexity", "mlp, magnitude"}


def test_runs_of_trees_and_nets_meet_on_the_plot(home):
    told = {"data": "moons", "baselines": False, "progress": False}
    results = []
    for model, method in (("decision-tree", "cost-complexity"), ("mlp", "magnitude")):
        runs = pl.sweep(
            model=model, method=[method], sparsity=[0.5, 0.9], epochs=2, recover_epochs=1, **told
        )
        results += [run.result for run in runs]
    picture = figures.beside(results)
    families = picture.table.groupby("family")["size"]
    assert families.count().to_dict() == {"decision-tree, cost-complexity": 3, "mlp, magnitude": 3}
    (tree, net) = (families.max()[name] for name in families.groups)
    assert tree == results[0].dense["nodes"]
    assert net == results[-1].dense["nonzero"]
    assert tree < net


def test_other_data_wait_for_the_button(store, monkeypatch):  # noqa: F811
    ordered = []
    monkeypatch.setattr(treelab, "start", lambda spec, home: ordered.append(spec))
    app = show("trees", data="wine")
    assert app.title[0].value == "How much tree does one need?"
    app.button(key="grow").click().run()
    assert ordered == [replace(MOONS, data="wine")]


def test_a_growing_tree_shows_how_far_it_is(store, monkeypatch):  # noqa: F811
    state = aside.State("growing", "Growing the tree", 0.3)
    monkeypatch.setattr(aside, "look", lambda folder: state)
    app = show("trees", data="wine")
    assert app.title[0].value == "The tree is growing"
    assert app.button(key="grow").proto.disabled
    assert app.button(key="stop-growing")


def test_data_that_cannot_be_used_say_why(store, monkeypatch):  # noqa: F811
    state = aside.State("failed", reason="There is only one class.")
    monkeypatch.setattr(aside, "look", lambda folder: state)
    app = show("trees", data="wine")
    assert app.error[0].value == "There is only one class."
    assert any("press Grow" in m.value for m in app.markdown)
    assert not app.button(key="grow").proto.disabled


def test_own_data_need_a_file_first(store):  # noqa: F811
    app = show("trees", data="table")
    assert app.button(key="grow").proto.disabled
    assert "Upload a file first." in [c.value for c in app.caption]


def test_a_file_that_is_no_table_is_refused_at_once(store):  # noqa: F811
    app = show("trees", data="table")
    app.get("file_uploader")[0].upload("mine.csv", b"\x80\x04pickle", "text/csv").run()
    assert not app.exception
    assert "pickle" in app.error[0].value
    assert app.button(key="grow").proto.disabled


def test_a_damaged_tree_is_a_sentence(store):  # noqa: F811
    folder = treelab.place(replace(MOONS, seed=5))
    folder.mkdir(parents=True)
    (folder / "tree.npz").write_bytes(b"nothing")
    app = show("trees", seed="5")
    assert "is damaged" in app.error[0].value
    assert not app.button(key="grow").proto.disabled


def test_a_single_leaf_has_nothing_to_prune(store, tree, monkeypatch):  # noqa: F811
    folder = treelab.place(replace(MOONS, seed=6))
    folder.mkdir(parents=True)
    (folder / "progress.json").write_text(json.dumps({"state": "ready"}))
    (folder / "tree.npz").write_bytes(b"")
    one = replace(tree, **{n: getattr(tree, n)[:1] for n in ("right", "depth", "label", "train")})
    monkeypatch.setattr(desk, "grown", lambda _: replace(one, left=np.array([-1])))
    app = show("trees", seed="6")
    assert app.title[0].value == "This tree is a single leaf"
    assert "nothing to prune" in app.info[0].value


@pytest.mark.parametrize("query", [{"leaves": "99999"}, {"leaves": "x"}, {"rule": "no-such-rule"}])
def test_a_link_with_nonsense_opens_the_usual_tree(query, store):  # noqa: F811
    assert "59 leaves" in title(show("trees", **query))


def test_an_engine_that_died_is_started_and_said(store, monkeypatch):  # noqa: F811
    spec = replace(SPEC, seed=60)
    events = _going(spec)
    finish(store, spec, events)
    app = show("lab", seed="60")
    assert store.ensured == [store.home]
    assert app.info[0].value == "Engine restarting; runs go on in a moment."
    monkeypatch.setattr(engine, "status", lambda home: engine.Status(alive=True, workers=2))
    assert not show("lab", seed="60").info


def test_an_engine_that_cannot_start_is_said(store, monkeypatch):  # noqa: F811
    def refuse(home, url):
        raise StoreError("The engine cannot start in the folder.")

    monkeypatch.setattr(engine, "ensure", refuse)
    spec = replace(SPEC, seed=61)
    finish(store, spec, _going(spec))
    app = show("lab", seed="61")
    assert app.warning[0].value == "The engine cannot start in the folder."


def _going(spec):
    from example_run import network_events

    events = network_events(spec)
    return events[: next(i for i, e in enumerate(events) if isinstance(e, Pruned))]


def test_a_catalogue_that_cannot_be_read_is_a_sentence(store, monkeypatch):  # noqa: F811
    def broken():
        raise CatalogueError("The catalogue could not be read:\nTraceback\nImportError: no torch")

    monkeypatch.setattr(desk, "catalogue", broken)
    for page in ("trees", "lab"):
        app = show(page)
        said = app.error[0].value.replace("\\", "")
        assert said == "The catalogue could not be read: ImportError: no torch"
        assert shell.TITLES[page]
