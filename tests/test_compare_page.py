"""The Compare page and its figures: drawn from the store, graded, tested, mended by buttons."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from example_run import network_events
from paging import finish, show, specs, store  # noqa: F401
from safetensors.numpy import save_file

import prunelab as pl
from prunelab import examples, fair, figures
from prunelab.__main__ import main
from prunelab.catalogue import catalogue
from prunelab.events import fold
from prunelab.fair.front import Axis
from prunelab.layers import kept_units
from prunelab.spec import RunSpec, SpecError

BASE = RunSpec(sparsity=0.5)


def filled(store):  # noqa: F811
    """Two methods at two sparsities with two seeds, beside the run that is there."""
    for method in ("magnitude", "random"):
        for sparsity, kept in ((0.5, (150, 30)), (0.9, (30, 6))):
            for seed in range(2):
                spec = RunSpec(method=method, sparsity=sparsity, seed=seed)
                if spec == RunSpec():
                    continue
                finish(store, spec, network_events(spec, kept=kept))
                rng = np.random.default_rng(seed)
                masks = {"fc1": rng.integers(0, 2, (8, 40)).astype(np.uint8)}
                store.folder(spec.key).mkdir(parents=True, exist_ok=True)
                save_file(masks, store.folder(spec.key) / "masks.safetensors")
    return store


def test_an_empty_store_shows_the_comparison_that_shipped(store):  # noqa: F811
    store.delete(RunSpec().key)
    app = show("compare")
    assert "no finished runs of yours yet" in app.info[0].value
    assert "came with PruneLab" in app.info[0].value
    assert len(specs(app)) == 1  # what stands in a closed tab is not drawn
    code = next(
        c.value for c in show("compare", view="Who paid?").code if "plot.forgotten" in c.value
    )
    names = {}
    exec(compile(code.replace("runs.plot", "figure = runs.plot"), "copied", "exec"), names)
    assert json.loads(names["figure"].to_json())["data"][0]["type"] == "image"


def test_what_the_example_lacks_runs_here_and_joins_it(store):  # noqa: F811
    store.delete(RunSpec().key)
    app = show("compare")
    judged = fair.referee(examples.comparison().values(), catalogue())
    assert judged.grade == "B"
    assert [f.name for f in judged.broken] == ["subjects"]
    missing = judged.broken[0].missing
    app.button(key="add-subjects").click().run()
    assert {s.key for s in store.submitted} == {s.key for s in missing}


def test_the_example_opens_whatever_one_s_own_runs_are_about(store):  # noqa: F811
    store.delete(RunSpec().key)
    other = RunSpec(data="moons", model="mlp")
    finish(store, other, network_events(other))
    app = show("compare")
    assert app.multiselect[0].value == ["mlp on moons"]
    app.segmented_control(key="example").set_value(True).run()
    assert app.multiselect[0].value == ["mlp on digits"]
    assert specs(app)


def test_the_page_draws_the_rows_of_the_store_and_grades_them(store):  # noqa: F811
    filled(store)
    app = show("compare")
    charts = specs(app)
    rows = fair.table(row.result for row in store.runs(limit=100))
    shown = {t["name"].split(" (")[0]: t for t in charts[0]["data"] if "error_y" in t}
    assert set(shown) == {"magnitude", "random"}
    drawn = len([t for t in charts[0]["data"] if t.get("mode") == "markers"])
    assert drawn == 2
    assert rows["series"].nunique() == 2
    judged = fair.referee([r.result for r in store.runs(limit=100)], catalogue())
    texts = " ".join(m.value for m in app.markdown)
    assert f"{sum(f.holds for f in judged.findings)} of {len(judged.findings)} rules" in texts


@pytest.mark.parametrize(
    ("view", "figures_there"),
    [("More than luck?", 2), ("Who paid?", 3), ("Do they keep the same?", 2),
     ("Would a small network do?", 2)],
)  # fmt: skip
def test_every_tab_draws_its_figures_of_the_example(store, view, figures_there):  # noqa: F811
    store.delete(RunSpec().key)
    assert len(specs(show("compare", view=view))) == figures_there


@pytest.mark.parametrize(
    ("view", "words"),
    [("Referee", "none of these runs removes anything"),
     ("More than luck?", "One line has nothing to be compared with"),
     ("Who paid?", "no sparsity that every line has run"),
     ("Do they keep the same?", "no sparsity that every line has run"),
     ("Would a small network do?", "no such run is chosen")],
)  # fmt: skip
def test_a_tab_that_has_nothing_to_show_says_why(store, view, words):  # noqa: F811
    store.delete(RunSpec().key)
    dense = RunSpec(sparsity=0.0)
    finish(store, dense, network_events(dense))
    assert any(words in info.value for info in show("compare", view=view).info)


def test_a_button_queues_what_a_rule_misses(store):  # noqa: F811
    filled(store)
    app = show("compare")
    judged = fair.referee([r.result for r in store.runs(limit=100)], catalogue())
    missing = next(f for f in judged.findings if f.name == "seeds").missing
    button = app.button(key="add-seeds")
    assert button.label == f"Add {len(missing)} runs"
    button.click().run()
    assert not app.exception
    assert {s.key for s in store.submitted} == {s.key for s in missing}
    assert app.button(key="add-seeds").label == "On their way"
    assert app.button(key="cancel-all")


def test_runs_that_were_replaced_are_left_out_and_can_come_back(store):  # noqa: F811
    filled(store)
    gone = RunSpec(method="random", sparsity=0.5).key
    app = show("compare", without=gone)
    assert gone not in json.dumps(specs(app)[0])
    app.button(key="bring-back").click().run()
    assert gone in json.dumps(specs(app)[0])


def test_controls_are_one_click_away(store):  # noqa: F811
    filled(store)
    app = show("compare", view="Would a small network do?")
    app.button(key="start-controls").click().run()
    assert not app.exception
    queued = store.submitted
    ways = {s.recover for s in queued}
    assert {"scratch-e", "scratch-b", "shuffle", "reinit"} <= ways
    assert any(s.model == "mlp" and s.sparsity == 0.0 for s in queued)


def test_the_copied_lines_draw_the_same(store):  # noqa: F811
    filled(store)
    code = next(c.value for c in show("compare").code if "plot.compare" in c.value)
    names = {}
    exec(compile(code.replace("runs.plot", "figure = runs.plot"), "copied", "exec"), names)
    drawn = {t.name for t in names["figure"].data}
    assert drawn >= {"magnitude (mean, sd of 2 seeds)", "random (mean, sd of 2 seeds)"}


def test_stored_runs_side_by_side_from_python(store):  # noqa: F811
    filled(store)
    runs = pl.stored(data="digits", model="lenet-300-100")
    assert len(runs.runs) == 8
    assert runs.referee.grade in "DEF"
    table = runs.against("random")
    assert set(table["said"]) == {"no difference found"}  # every seed of these fell by as much
    for figure in (runs.plot.compare("bytes", "loss"), runs.plot.gaps(), runs.plot.damage()):
        assert figure.data
    assert runs.plot.agreement(0.5).data[0].z[0][0] == 1
    with pytest.raises(SpecError, match="No finished run in this store is what you asked for"):
        pl.stored(data="iris")
    with pytest.raises(SpecError, match="Did you mean 'bytes'"):
        runs.plot.compare("byte")


def test_the_terminal_grades_stored_runs(store, capsys):  # noqa: F811
    filled(store)
    assert main(["referee", "--data", "digits"]) == 0
    words = capsys.readouterr().out
    assert words.startswith("Grade ")
    assert "arXiv:2003.03033" in words
    assert main(["referee", RunSpec().key, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["grade"] == "F"
    assert {rule["name"] for rule in told["rules"] if not rule["holds"]} >= {"random", "seeds"}
    assert main(["referee", "--data", "iris"]) == 2


def confused(spec, before, after):
    result = fold(network_events(spec))
    return replace(
        result, dense={**result.dense, "confusion": before},
        recovered={**result.recovered, "confusion": after},
    )  # fmt: skip


def test_damage_is_recall_lost_by_class_in_the_mean():
    runs = [
        confused(BASE, [[10, 0], [0, 10]], [[9, 1], [5, 5]]),
        confused(replace(BASE, seed=1), [[10, 0], [0, 10]], [[10, 0], [7, 3]]),
    ]
    drawn = figures.damage({"magnitude": runs}, ["cat", "dog"])
    assert drawn.table["magnitude"].tolist() == pytest.approx([0.05, 0.6])
    assert drawn.title == "magnitude: class dog lost 60.0 points, the mean class 32.5"
    same = [confused(BASE, [[10, 0], [0, 10]], [[10, 0], [0, 10]])]
    assert figures.damage({"magnitude": same}, []).title == "No class lost anything"
    with pytest.raises(ValueError, match="ended with a confusion matrix"):
        figures.damage({"magnitude": [replace(runs[0], dense={})]}, [])


def test_masks_agree_as_sets_do():
    rng = np.random.default_rng(0)
    kept = {name: {"a": rng.random((40, 50)) < 0.1} for name in ("x", "y")}
    share = fair.jaccard(kept)
    a, b = (set(np.flatnonzero(m["a"])) for m in kept.values())
    assert share["x", "y"] == pytest.approx(len(a & b) / len(a | b))
    assert share["x", "x"] == 1
    assert share["x", "y"] == pytest.approx(fair.by_chance(0.1), abs=0.03)
    with pytest.raises(ValueError, match="The mask of y is over other units"):
        fair.jaccard({"x": kept["x"], "y": {"a": np.ones(3)}})
    with pytest.raises(ValueError, match="masks of two methods"):
        figures.agreement({("x", "x"): 1.0}, 0.1)


def test_what_cannot_be_compared_says_why(tmp_path):
    axes = (Axis("x", float), Axis("y", float))
    with pytest.raises(ValueError, match="has measured both splits and accuracy"):
        figures.compare(fair.table([]), "splits", "accuracy", axes)
    with pytest.raises(ValueError, match="two seeds that both methods ran"):
        figures.gaps([])
    runs = [fold(network_events(s)) for s in (BASE, RunSpec(method="random"))]
    with pytest.raises(ValueError, match="no sparsity that every method here has run"):
        fair.by_series(runs)
    with pytest.raises(ValueError, match="kept no masks"):
        kept_units(tmp_path)


def test_other_runs_of_one_s_own_do_not_spoil_the_example(store):  # noqa: F811
    filled(store)
    for place, sparsity in enumerate((0.2, 0.3)):
        spec = RunSpec(model="mlp", method="snip", sparsity=sparsity, epochs=2)
        store.submit(spec)
        store.append(spec.key, network_events(spec), attempt=store.claim(spec.key, f"me{place}"))
    app = show("compare")
    app.get("button_group")[0].set_value(True).run()
    assert not app.exception
    kept = fair.referee(examples.comparison().values(), catalogue())
    told = " ".join(m.value for m in app.markdown)
    assert f"{sum(f.holds for f in kept.findings)} of {len(kept.findings)} rules" in told
