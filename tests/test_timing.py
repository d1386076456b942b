"""When to prune: knobs, plans, the courses runs really take, their figures and the page."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from example_run import network_events
from paging import alts, finish, show, specs, store  # noqa: F401 - a fixture among them

import prunelab as pl
from prunelab import figures
from prunelab.events import Epoch, Finished, Pruned, fold
from prunelab.experiment import run
from prunelab.figures.when import costs
from prunelab.schedules import cubic
from prunelab.spec import RunSpec, SpecError, sweep
from prunelab.summaries import summary
from prunelab.timing import MOMENTS, WAYS, course, moments, timing

BASE = RunSpec(
    data="moons", model="mlp", method="gradual-magnitude", sparsity=0.9, epochs=10, recover="none"
)


def test_a_curve_begins_at_nothing_and_ends_at_the_sparsity():
    for curve in ("cubic", "rounds", "even"):
        steps = cubic(0.9, begin=0.2, end=0.6, updates=4, curve=curve)
        assert [round(t, 9) for t in steps] == [0.2, 0.3, 0.4, 0.5, 0.6]
        assert list(steps.values()) == sorted(steps.values())
        assert (steps[0.2], steps[0.6]) == (0.0, 0.9)


def test_rounds_remove_the_same_share_of_what_is_left():
    left = [1 - s for s in cubic(0.9, updates=5, curve="rounds").values()]
    ratios = [b / a for a, b in itertools.pairwise(left)]
    assert ratios == pytest.approx([0.1 ** (1 / 5)] * 5)
    steps = np.diff(list(cubic(0.9, updates=5, curve="even").values()))
    assert steps == pytest.approx([0.18] * 5)


@pytest.mark.parametrize("moment", [0.0, 0.4, 1.0])
def test_at_once_is_one_cut(moment):
    (knobs,) = moments([moment], "at once")
    spec = replace(BASE, knobs=knobs)
    told = [e for e in run(spec) if isinstance(e, Pruned | Epoch)]
    assert [e.asked for e in told if isinstance(e, Pruned)] == [0.9]
    train = [e.sparsity for e in told if isinstance(e, Epoch) and e.phase == "train"]
    cut = [s > 0 for s in train]
    assert cut == [epoch / 10 >= max(moment, 0.01) for epoch in range(1, 11)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("moment", [0.0, 0.25, 0.9])
def test_a_run_takes_the_course_that_was_drawn(way, moment):
    (knobs,) = moments([moment], way)
    spec = replace(BASE, knobs=knobs)
    assert timing(spec) == (way, moment)
    plan = course(spec)
    events = list(run(spec))
    of = next(e.of for e in events if isinstance(e, Pruned))
    seen = {e.epoch / e.epochs: e.sparsity for e in events if isinstance(e, Epoch)}
    for done, sparsity in {t: s for t, s in seen.items() if s}.items():
        planned = max(s for t, s in plan.items() if t <= done + 1e-9)
        assert abs(planned - sparsity) <= 1.5 / of
    assert seen[1.0] == pytest.approx(0.9, abs=1 / of)
    assert isinstance(events[-1], Finished)


def test_knobs_are_only_what_differs():
    assert moments([0.1], "cubic", 0.6) == [{}]
    assert moments([0.9], "in rounds") == [
        {"begin": 0.9, "end": 1.0, "updates": 5, "curve": "rounds"}
    ]
    assert len(moments()) == len(MOMENTS) * len(WAYS)


def test_what_is_no_moment_is_refused():
    with pytest.raises(SpecError, match=r"There is no way to prune 'at onze'\. Did you mean"):
        moments(way="at onze")
    with pytest.raises(SpecError, match=r"shares from 0 to 1, got 1\.5"):
        moments([1.5])
    with pytest.raises(SpecError, match="shares from 0 to 1, got -1"):
        moments(span=-1)


def results(scores):
    """Finished runs with accuracies by (way, moment, seed)."""
    found = []
    for (way, moment, seed), right in scores.items():
        (knobs,) = moments([moment], way)
        spec = RunSpec(method="gradual-magnitude", knobs=knobs, seed=seed)
        events = [
            replace(e, values=e.values | {"accuracy": right})
            if getattr(e, "stage", "") == "recovered" and getattr(e, "part", "") == "test"
            else replace(e, phase="train")
            if isinstance(e, Epoch)
            else e
            for e in network_events(spec)
        ]
        found.append(fold(events))
    return found


SCORES = {
    ("at once", 0.0, 0): 0.4,
    ("at once", 0.0, 1): 0.6,
    ("at once", 0.5, 0): 0.8,
    ("at once", 0.5, 1): 0.84,
    ("cubic", 0.1, 0): 0.9,
    ("cubic", 0.1, 1): 0.92,
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_figure_draws_mean_and_deviation(theme):
    drawn = figures.when(results(SCORES), theme=theme)
    title = drawn.title.replace("\u00a0", " ")
    assert title == (
        "A cubic curve from 10 % of training on is 41.0 points above "
        "cutting at once before training"
    )
    lines = {t.name.split(" (")[0]: t for t in drawn.figure.data if t.mode == "lines+markers"}
    assert list(lines["at once"].x) == [0.0, 0.5]
    assert list(lines["at once"].y) == pytest.approx([0.5, 0.82])
    row = drawn.table.iloc[0]
    assert (row["seeds"], round(row["sd"], 4)) == (2, 0.1414)


def test_courses_are_plans_and_means():
    found = results(SCORES)
    chosen = [RunSpec.from_json(r.spec) for r in found]
    drawn = figures.courses(chosen, {r.key: r.epochs for r in found})
    plans = [t for t in drawn.figure.data if t.line.shape == "hv"]
    assert len(plans) == 3
    assert list(plans[2].y) == list(course(chosen[4]).values())
    assert set(drawn.table["seeds"]) == {2}
    assert len(figures.courses(chosen, {}).figure.data) == 6


def test_nothing_to_draw_is_said():
    with pytest.raises(ValueError, match="No run has an accuracy yet"):
        figures.when([])
    with pytest.raises(ValueError, match="choose a way and a moment"):
        figures.courses([], {})


def test_runs_of_one_method_that_differ_are_not_averaged():
    """A sweep over knobs is several lines in its table, not one mean of unlike runs."""
    found = results(SCORES)
    table = summary(found)
    assert len(table) == 3
    assert [row["seeds"] for row in table] == [2, 2, 2]
    assert [c.mean for c in costs(found)] == pytest.approx([0.5, 0.82, 0.91])


def test_moments_are_a_sweep_of_the_notebook(home):
    done = pl.sweep(
        data="moons",
        model="mlp",
        method="gradual-magnitude",
        sparsity=0.9,
        epochs=3,
        knobs=pl.moments([0.0, 0.5], "at once"),
        baselines=False,
        progress=False,
    )
    assert len(done.runs) == 2
    assert len(done.table) == 2
    assert len(done.plot.when().data) == 1
    assert len(done.plot.courses().data) == 4


def test_the_page_plans_before_it_runs(store):  # noqa: F811
    app = show("schedules", seeds="2")
    assert app.button(key="start-schedules").label == "Start 36 runs"
    assert alts(app)[0].startswith("Line charts. Each line begins to prune")
    app.button(key="start-schedules").click().run()
    assert not app.exception
    told = {timing(spec) for spec in store.submitted}
    assert told == {(way, moment) for way in WAYS for moment in MOMENTS}
    assert app.button(key="start-schedules").label == "36 runs on their way"


def test_the_page_draws_what_is_done(store):  # noqa: F811
    chosen = sweep(
        RunSpec(method="gradual-magnitude", sparsity=0.98), knobs=moments(), seed=range(2)
    )
    for spec in chosen[:4]:
        finish(store, spec)
    app = show("schedules", seeds="2")
    assert len(specs(app)) == 2
    assert app.button(key="start-schedules").label == "Start 32 runs"
    code = app.code[0].value
    compile(code, "copied", "exec")
    assert "knobs=[" in code
    assert code.endswith("runs.plot.when()")


def test_a_page_without_a_choice_asks_for_one(store):  # noqa: F811
    app = show("schedules")
    app.multiselect(key="ways").set_value([]).run()
    assert app.info[0].value == "Choose at least one way and one moment on the left."
