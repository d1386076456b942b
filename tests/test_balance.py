"""Finding the balance: the cliff is found, with the confidence that is claimed."""

from __future__ import annotations

import numpy as np
import pytest
from paging import show, store  # noqa: F401
from scipy import stats

import prunelab as pl
from pages.ui.show import plain
from prunelab import examples
from prunelab.events import Result
from prunelab.fair import balance
from prunelab.searching import step
from prunelab.spec import RunSpec


def cliff(at, noise=0.0, seeds=3, rng=None):
    """A loss that grows slowly up to a sparsity and steeply beyond."""
    asked = []

    def lost(sparsity):
        asked.append(sparsity)
        drawn = (
            rng.normal(0, noise, seeds) if rng is not None else np.linspace(-noise, noise, seeds)
        )
        mean = 0.005 if sparsity <= at else 0.005 + 3 * (sparsity - at)
        return dict(enumerate(mean + drawn))

    return lost, asked


@pytest.mark.parametrize("at", [0.6, 0.85, 0.95, 0.98])
def test_the_cliff_is_found_from_both_sides(at):
    lost, asked = cliff(at, noise=0.001)
    found = balance(lost, 0.02, steps=8)
    assert at - 0.02 <= found.sparsity <= at + 0.006
    assert len(asked) == len(set(asked)) <= 10
    assert [t.sparsity for t in found.tries] == sorted(asked)
    assert all(t.holds == (t.most <= 0.02) for t in found.tries)
    assert "can go" in str(found)


def test_the_bound_is_scipys_one_sided_interval():
    losses = {0: 0.01, 1: 0.02, 2: 0.015, 3: 0.011}
    found = balance(lambda s: losses, 0.001)
    ends = stats.ttest_1samp(list(losses.values()), 0, alternative="less").confidence_interval(0.95)
    assert found.tries[0].most == pytest.approx(ends.high)
    assert found.sparsity == 0.0
    assert str(found) == "No sparsity that was tried loses at most 0.1 points."


def test_everything_holds_is_the_end_of_the_range():
    found = balance(lambda s: {0: 0.0, 1: 0.0}, 0.01, low=0.3, high=0.8)
    assert (found.sparsity, len(found.tries)) == (0.8, 2)


def test_what_is_tolerated_is_kept_as_often_as_said():
    """Where truly more is lost than is tolerated, at most 1 in 20 searches says it holds."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        found = balance(lambda s: dict(enumerate(rng.normal(0.0201, 0.01, 5))), 0.02, steps=0)
        wrong += found.tries[0].holds
    assert wrong / 400 < 0.08


def test_one_lucky_step_beyond_the_cliff_is_no_balance():
    holds = {0.5: 0.0, 0.99: 0.5}

    def lost(s):
        mean = holds.get(s, 0.5 if s < 0.95 else 0.0)
        return {0: mean, 1: mean}

    assert balance(lost, 0.01).sparsity == 0.5


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(ValueError, match="range must be 0 < low < high < 1"):
        balance(lambda s: {}, 0.01, low=0.9, high=0.5)
    with pytest.raises(ValueError, match="needs two seeds or more, got 1"):
        balance(lambda s: {0: 0.1}, 0.01)


def test_a_search_over_real_runs(home):
    found, runs = pl.balance(
        tolerated=0.05, seed=range(2), low=0.5, high=0.99, steps=1, progress=False,
        model="mlp", epochs=6,
    )  # fmt: skip
    assert len(found.tries) == 3
    assert found.sparsity >= 0.5
    assert len(runs.runs) == 2 * 3
    by_seed = {
        r.result.spec.get("seed", 0): r.result for r in runs if r.result.spec.get("sparsity") == 0.5
    }
    lost = [
        r.dense["validation_accuracy"] - r.recovered["validation_accuracy"]
        for r in by_seed.values()
    ]
    assert found.tries[0].lost == pytest.approx(sum(lost) / 2)
    figure = runs.plot.balance(found)
    assert figure.data


def test_a_search_step_by_step_is_the_whole_search():
    lost, asked = cliff(0.9, noise=0.001)
    whole = balance(lost, 0.02, steps=4)
    done, rounds = {}, 0
    while (now := step(RunSpec(), range(3), done, tolerated=0.02, steps=4)).wanted:
        rounds += 1
        assert {s.seed for s in now.wanted} == {0, 1, 2}
        assert [t.sparsity for t in now.found.tries] == sorted(asked[: rounds - 1])
        for spec in now.wanted:
            gap = lost(spec.sparsity)[spec.seed]
            stages = ({"validation_accuracy": 1.0}, {"validation_accuracy": 1.0 - gap})
            done[spec.key] = Result(key=spec.key, dense=stages[0], recovered=stages[1])
    assert now.found.sparsity == whole.sparsity
    assert [t.sparsity for t in now.found.tries] == [t.sparsity for t in whole.tries]


def test_the_page_shows_the_search_that_shipped_and_searches_on(store):  # noqa: F811
    store.delete(RunSpec().key)
    app = show("balance")
    found = step(
        examples.SEARCHED, range(examples.SEARCH_SEEDS), examples.searched(),
        tolerated=examples.TOLERATED,
    )  # fmt: skip
    assert not found.wanted
    assert plain(str(found.found)) in " ".join(m.value for m in app.markdown)
    assert app.button(key="search").disabled
    app.select_slider(key="tolerated").set_value(5.0).run()
    wanted = step(
        examples.SEARCHED, range(examples.SEARCH_SEEDS), examples.searched(), tolerated=0.05
    ).wanted
    assert wanted
    app.button(key="search").click().run()
    assert not app.exception
    assert {s.key for s in store.submitted} == {s.key for s in wanted}
    assert app.button(key="search").label == "Searching"
    app.button(key="stop-search").click().run()
    assert app.button(key="search").label == "Search"
