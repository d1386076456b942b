"""Why a unit stays or goes: by hand, against real runs, and on every page where one can ask."""

from __future__ import annotations

import numpy as np
import pytest
from paging import alts, finish, show, store  # noqa: F401 - a fixture among them
from safetensors.numpy import load_file

from pages.ui import elsewhere
from prunelab import aside, examples, figures, reasoning, reasons, structure, treelab
from prunelab.catalogue import catalogue
from prunelab.experiment import run
from prunelab.reasons import Reasons
from prunelab.spec import RunSpec, SpecError
from prunelab.why import explain

SMALL = RunSpec(model="mlp", epochs=1, model_knobs={"widths": "12-8"}, recover="none")
TREE = RunSpec(data="moons", model="decision-tree", method="cost-complexity")


def asked(spec, folder):
    notes = reasoning.compute(reasons.order(spec), folder, lambda *_: None)
    return reasons.read(folder), notes


def test_rank_line_and_others_by_hand():
    found = explain([4.0, 1.0, 3.0, 3.0], [True, False, True, False], 3, {"a": True, "b": False})
    assert (found.score, found.rank, found.of, found.kept) == (3.0, 3, 4, False)
    assert (found.lowest_kept, found.highest_gone) == (3.0, 3.0)
    assert (found.also_kept, found.also_gone, found.by_rank) == (("a",), ("b",), True)
    assert not explain([1.0, 2.0], [True, False], 0).by_rank
    assert explain([1.0], [True], 0).highest_gone is None
    with pytest.raises(ValueError, match="no unit 2; they are counted from 0 to 1"):
        explain([1.0, 2.0], [True, False], 2)


@pytest.mark.parametrize("method", ["magnitude", "snip"])
def test_the_reasons_are_those_of_the_run(home, tmp_path, method):
    spec = RunSpec.from_json({**SMALL.to_json(), "method": method, "recover": ""})
    list(run(spec, files=tmp_path / "run", dense=home / "files" / "dense"))
    found, notes = asked(spec, tmp_path)
    assert notes == ()
    masks = load_file(tmp_path / "run" / "masks.safetensors")
    assert next(iter(found.kept)) == method
    for name, mask in masks.items():
        assert np.array_equal(found.kept[method][name], mask.ravel().astype(bool))
    every = np.concatenate(list(found.scores.values()))
    name, first = found.groups[1], len(found.scores[found.groups[0]])
    place = int(np.flatnonzero(~found.kept[method][name])[0])
    why = found.why(name, place, kept=False)
    assert why.of == len(every)
    assert why.rank == 1 + int((np.argsort(-every, kind="stable") == first + place).argmax())
    assert why.rank > sum(int(m.sum()) for m in masks.values())
    assert why.by_rank
    others = {n: bool(k[name][place]) for n, k in found.kept.items() if n != method}
    assert dict.fromkeys(why.also_kept, True) | dict.fromkeys(why.also_gone, False) == others
    assert {"snip", "wanda", "random", "magnitude"} - {method} <= set(others)
    assert not {"rigl", "movement", "l1-filter"} & set(others)
    with pytest.raises(ValueError, match=r"There is no unit 999999 of 'fc1'"):
        found.why("fc1", 999_999, kept=True)


def test_every_unit_has_reasons(home, tmp_path):
    filters = RunSpec.from_json({**SMALL.to_json(), "method": "l1-filter", "budget": "macs"})
    found, _ = asked(filters, tmp_path)
    sizes = {n: (int(k.sum()), len(k)) for n, k in found.kept["l1-filter"].items()}
    total = sum(kept for kept, _ in sizes.values())
    assert all(sum(int(m.sum()) for m in k.values()) == total for k in found.kept.values())
    tree, _ = asked(TREE, tmp_path)
    assert tree.groups == ["tree"]
    assert tree.whole
    assert "reduced-error" in tree.kept
    learns = RunSpec.from_json({**SMALL.to_json(), "method": "rigl", "recover": ""})
    rigl, _ = asked(learns, tmp_path)
    assert "rigl" not in rigl.kept
    why = rigl.why("fc1", 3, kept=True)
    assert (why.score, why.kept, why.by_rank) == (None, True, True)
    assert "magnitude" in why.also_kept + why.also_gone


def test_a_method_in_trouble_does_not_silence_the_others(home, tmp_path, monkeypatch):
    from prunelab.registry import METHODS

    def broken(*_, **__):
        raise RuntimeError("out of order")

    entry = METHODS["wanda"]
    monkeypatch.setitem(
        METHODS._entries, "wanda", entry.__class__(**{**vars(entry), "function": broken})
    )
    found, notes = asked(SMALL, tmp_path)
    assert notes == ("wanda cannot say: out of order",)
    assert "wanda" not in found.kept


def test_what_follows_the_cut_asks_nothing_new():
    one = reasons.order(SMALL)
    for change in (
        {"recover": "finetune", "recover_epochs": 3},
        {"recover": "distill", "knobs": {"temperature": 2.0}},
    ):
        assert reasons.order(RunSpec.from_json({**SMALL.to_json(), **change})) == one
    assert reasons.order(RunSpec.from_json({**SMALL.to_json(), "seed": 1})) != one
    with pytest.raises(SpecError, match="There is no method"):
        reasons.order(RunSpec(method="no such"))


def test_a_damaged_file_is_said(tmp_path):
    assert reasons.read(tmp_path) is None
    (tmp_path / reasons.FILE).write_bytes(b"PK no zip")
    with pytest.raises(SpecError, match=r"The file of reasons in .* is damaged"):
        reasons.read(tmp_path)


def test_file_and_memory_are_the_same(tmp_path):
    kept = {"a": {"x": np.array([True, False, True]), "y": np.array([False])}}
    made = Reasons("a", "|w|", False, {}, kept)
    reasons.write(tmp_path / reasons.FILE, made)
    again = reasons.read(tmp_path)
    assert (again.method, again.label, again.whole, again.groups) == ("a", "|w|", False, ["x", "y"])
    assert again.kept["a"]["x"].tolist() == [True, False, True]
    assert again.scores == {}


@pytest.mark.parametrize(
    "result", [examples.example().result, examples.data()], ids=["weights", "examples"]
)
def test_the_examples_came_with_their_reasons(result):
    spec = RunSpec.from_json(result.spec)
    folder = reasons.place(reasons.order(spec))
    assert folder.parent == reasons.SHIPPED
    assert aside.look(folder).name == "ready"
    found = reasons.read(folder)
    assert list(found.kept) == reasons.peers(catalogue(), spec)
    assert sum(int(m.sum()) for m in found.kept[spec.method].values()) == sum(
        row["kept"] for row in result.layers
    )


def test_the_split_of_a_tree_by_its_own_path():
    folder = treelab.place(TREE)
    tree = treelab.grown(folder)
    for rule in tree.paths:
        mask = treelab.kept(tree, rule, treelab.at_leaves(treelab.steps(tree, rule), 6))
        for node in np.flatnonzero(tree.inner)[:12]:
            why = treelab.why(tree, rule, 6, int(node), stays=bool(mask[node]))
            assert why.kept == mask[node]
            assert why.by_rank
            assert rule not in why.also_kept + why.also_gone
            assert len(why.also_kept + why.also_gone) == len(tree.paths)
    root = treelab.why(tree, "cost-complexity", 6, 0, stays=True)
    assert root.rank == 1
    best = treelab.why(tree, treelab.BEST, 6, 0, stays=True)
    assert (best.score, "cost-complexity" in best.also_kept) == (None, True)
    with pytest.raises(ValueError, match="asks nothing"):
        treelab.why(tree, "cost-complexity", 6, int(np.flatnonzero(~tree.inner)[0]), stays=True)


def test_the_filter_of_a_study_among_those_of_its_layer():
    study, folder = opened()
    keep = study.keep("uniform", 0.5)
    peers = structure.peers(folder)
    assert "taylor" in peers
    stays = study.stays(keep)["conv1"]
    for unit in range(study.sizes["conv1"]):
        why = study.why("conv1", unit, keep, peers)
        assert why.kept == stays[unit] == (why.rank <= keep["conv1"])
        assert set(why.also_kept + why.also_gone) == set(peers)
    mine = sum("taylor" in study.why("conv1", u, keep, peers).also_kept for u in range(20))
    assert mine == keep["conv1"]


def opened():
    spec = RunSpec(model="lenet-5", method="l1-filter")
    folder = structure.place(structure.order(spec))
    return structure.read(folder), folder


def test_the_magnifier_shows_weights_one_by_one():
    weight = np.arange(60, dtype=np.float32).reshape(3, 20) - 30
    mask = np.abs(weight) > 10
    found = figures.closer("fc", weight, mask, (1, 19))
    assert len(found.table) == 60
    assert found.title.startswith(f"{int(mask.sum())} of these 60 weights of fc stay")
    whole = figures.closer("fc", weight, np.array([1, 0, 1]), (0, 0)).table
    assert whole[~whole["stays"]]["output"].unique().tolist() == [1]
    big = figures.closer("fc", np.ones((100, 300)), None, (99, 0)).table
    assert (big["output"].min(), big["output"].max(), big["input"].max()) == (86, 99, 25)
    with pytest.raises(ValueError, match="fc has no weight in row 3, column 0"):
        figures.closer("fc", weight, mask, (3, 0))
    drawn = figures.weights("fc", np.ones((300, 100)), marked=(99, 0)).figure
    assert len(drawn.data[1].x) == 40 * 40
    assert drawn.layout.shapes[0].y1 == 105.5


def answers(app):
    return [m.value for m in app.markdown if m.value.startswith(("**Why", "Rank", "Its score"))]


def send(app, key, point):
    sent = {"points": [point], "point_indices": [], "box": [], "lasso": []}
    app.session_state[f"chart-{key}"] = {"selection": sent}
    app.run()
    assert not app.exception
    return app


def test_a_weight_of_the_lab_tells_why(home):
    app = show("lab", run=examples.KEY, view="Layers", unit="fc1.3.5")
    why, score, rank = answers(app)
    assert why.startswith("**Why does fc1\\[3, 5\\] = ")
    assert "w" in score
    assert rank.endswith("of all 50,200 weights")
    assert any("of 12 other methods would keep it" in m.value for m in app.markdown)
    assert len(alts(app)) == 3
    app = send(app, "closer", {"x": 7, "y": 2})
    assert app.query_params["unit"] == "fc1.2.7"
    assert answers(app)[0].startswith("**Why does fc1\\[2, 7\\]")
    for strange in ("fc1.9999.0", "fc1.a.b", "nothing.1.1", "fc1", "....", "fc1.²,1"):
        assert not answers(show("lab", run=examples.KEY, view="Layers", unit=strange))


def test_the_methods_are_asked_once_and_trouble_is_told(store, monkeypatch):  # noqa: F811
    begun = []
    monkeypatch.setattr(reasons, "start", lambda *a: begun.append(a))
    monkeypatch.setattr(elsewhere, "wait", lambda *a, **k: None)
    spec = RunSpec(seed=5)
    finish(store, spec)
    result = store.result(spec.key)
    folder = reasons.place(reasons.order(spec), store.home)

    def page():
        import streamlit as st

        from pages.ui import why

        why.of_run(st.session_state["result"], "", 0, "one", kept=True)

    from streamlit.testing.v1 import AppTest

    app = AppTest.from_function(page)
    app.session_state["result"] = result
    assert not app.run().exception
    assert len(begun) == 1
    folder.mkdir(parents=True)
    aside.write(folder, {"state": "failed", "reason": "No room."})
    app.run()
    assert "No room." in app.error[0].value
    app.button(key="ask-again").click().run()
    assert len(begun) == 2
    kept = {"magnitude": {"fc1": np.array([False])}}
    reasons.write(
        folder / reasons.FILE, Reasons("magnitude", "|w|", True, {"fc1": np.ones(1)}, kept)
    )
    app.run()
    assert any("the other way round" in m.value for m in app.markdown)


def test_an_example_tells_why(store):  # noqa: F811
    app = show("data", run=examples.DATA, view="Map")
    row = int(figures.chosen(np.load(examples.FOLDER / examples.DATA / "examples.npz")).row[0])
    app = send(app, "places", {"customdata": [row, "0", "0", 1.0]})
    why, _, rank = answers(app)
    assert why.startswith(f"**Why does row {row}, labelled")
    assert rank.endswith("of all 1,077 examples")
    app = show("data", run=examples.DATA, view="Pictures")
    pictures = next(c for c in app.get("plotly_chart") if "stay" in c.proto.alt)
    assert "customdata" in pictures.proto.spec
    assert len(answers(send(app, "gallery-kept", {"customdata": [row, 1.0]}))) == 3


def test_a_filter_of_structure_tells_why(store):  # noqa: F811
    app = send(show("structure", view="Filters that go"), "filters-stay", {"customdata": [4, 1.0]})
    why, _, rank = answers(app)
    assert why == "**Why does filter 4 of conv1 stay?**" or "go?" in why
    assert rank.endswith("of 20 in this layer")


def test_a_split_tells_why_and_is_not_cut(store, monkeypatch):  # noqa: F811
    app = show("trees", asks="true")
    leaves = app.slider(key="leaves").value
    app.session_state["_asked-node"] = (treelab.place(TREE).name, 0)
    app.run()
    assert not app.exception
    assert answers(app)[0].startswith("**Why does “")
    assert answers(app)[2].startswith("Rank 1 of")
    assert app.slider(key="leaves").value == leaves
    assert "_cuts" not in app.session_state
    app.session_state["_asked-node"] = ("another tree", 0)
    assert not answers(app.run())


def test_a_split_of_a_run_tells_why(home, monkeypatch):
    from pages.ui import closer

    result = examples.example().result
    tree = {"left": np.array([1, -1, -1]), "kept": np.array([True, False, False])}
    heard = []
    monkeypatch.setattr(closer.why, "of_run", lambda *a, **k: heard.append((a[1:], k["kept"])))
    from dataclasses import replace

    closer.split(replace(result, unit="splits"), tree, [{"customdata": ["words", 0]}])
    assert heard == [(("", 0, "the split at node 0"), False)]
