"""The referee: a fair comparison is an A, and each rule broken once is found, named and mended."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fair_cases import STOPS, ended, fair_results
from scipy import stats

from prunelab import fair
from prunelab.catalogue import catalogue, validate
from prunelab.fair import AXES, QUALITIES, compared, detectable, front, holm, overall, referee
from prunelab.fair.referee import RULES
from prunelab.spec import RunSpec


def spec_of(result):
    return RunSpec.from_json(result.spec)


def without(results, test):
    return [r for r in results if not test(spec_of(r))]


def again(results, test, **changes):
    """The results, those of which ``test`` is true made with another spec."""
    return [ended(replace(s, **changes)) if test(s := spec_of(r)) else r for r in results]


def missing_from(results, stage, name):
    return [
        replace(r, **{stage: {k: v for k, v in getattr(r, stage).items() if k != name}})
        for r in results
    ]


def filters(results):
    """The same comparison of filters, on a network that becomes really smaller."""
    base = RunSpec(data="digits", model="vgg-small", method="l1-filter")
    extra = [
        ended(replace(base, method=m, sparsity=s, seed=n))
        for m in ("l1-filter", "random-filter")
        for s in (0.1, 0.25, 0.4, 0.5, 0.625)
        for n in range(3)
    ]
    dense = [ended(replace(base, sparsity=0.0, seed=n)) for n in range(3)]
    return [*results, *extra, *dense]


def odd(spec):
    return spec.method == "random" and spec.seed == 2 and spec.data == "digits"


BROKEN = {
    "dense": lambda r: [*missing_from(r[:1], "dense", "accuracy"), *r[1:]],
    "start": lambda r: [replace(r[0], manifest={**r[0].manifest, "data": "another"}), *r[1:]],
    "random": lambda r: without(r, lambda s: s.method == "random"),
    "seeds": lambda r: without(r, lambda s: s.seed == 2),
    "points": lambda r: without(r, lambda s: s.sparsity == STOPS[-1]),
    "budget": lambda r: again(r, lambda s: s.method == "random", recover_epochs=5),
    "test": lambda r: missing_from(r, "recovered", "validation_accuracy"),
    "compute": lambda r: missing_from(r, "recovered", "macs"),
    "magnitude": lambda r: without(r, lambda s: s.scope == "uniform"),
    "scratch": filters,
    "trained as long": lambda r: without(r, lambda s: s.sparsity == 0.0),
    "sparsity": lambda r: [replace(r[0], sparsity={**r[0].sparsity, "achieved": 0.4}), *r[1:]],
    "pairs": lambda r: again(
        again(again(r, lambda s: s.method == "random" and s.seed == 0, seed=3),
              lambda s: s.method == "random" and s.seed == 1, seed=4),
        lambda s: s.method == "random" and s.seed == 2, seed=5,
    ),
    "subjects": lambda r: without(r, lambda s: s.data != "digits"),
    "raw": lambda r: [replace(one, manifest={}) for one in r],
}  # fmt: skip


REASONS = {
    "dense": "One run is without the accuracy of the dense model.",
    "start": "The data or their split changed between the runs.",
    "random": "Nothing shows whether magnitude does better than chance.",
    "seeds": "45 points have fewer than 3 seeds: luck and merit look the same.",
    "points": "random · breast-cancer · mlp: fewer than 5 sparsities.",
    "budget": "random · breast-cancer · mlp: fewer epochs after pruning than the others.",
    "test": "144 runs are with test data alone: what was chosen was chosen by them.",
    "compute": "135 runs are without both size and compute.",
    "magnitude": "The simplest scores are not all there: magnitude uniform.",
    "scratch": "The small network may be all that matters, not what it inherits.",
    "trained as long": "Pruned models train longer than the dense one they are compared with.",
    "sparsity": "At one point methods removed different shares.",
    "pairs": "Methods and random pruning ran with different seeds.",
    "subjects": "Only lenet-300-100 on digits; such small data are a demonstration, no evidence.",
    "raw": "144 runs are without seed, data or versions.",
}
MENDED = {"start": lambda r: again(r, odd, epochs=3)}  # another dense model in one place


def test_a_fair_comparison_is_an_a():
    judged = referee(fair_results(), catalogue())
    assert (judged.grade, judged.broken) == ("A", ())
    assert str(judged) == f"Grade A: {len(RULES)} of {len(RULES)} rules kept"
    assert all(f.said and f.source for f in judged.findings)


def test_every_rule_is_broken_once():
    assert set(BROKEN) == set(REASONS) == {rule.name for rule in RULES}


@pytest.mark.parametrize("name", BROKEN)
def test_a_comparison_that_breaks_one_rule_is_told_which_and_graded(name):
    judged = referee(BROKEN[name](fair_results()), catalogue())
    (found,) = judged.broken
    assert found.name == name
    assert judged.grade == ("C" if found.must else "B")
    assert found.said.endswith(REASONS[name])
    assert found.todo
    assert found.todo in str(judged)
    assert judged.table["kept"].value_counts()["yes"] == len(RULES) - 1


@pytest.mark.parametrize(
    "name",
    [
        "random", "seeds", "points", "budget", "start", "magnitude", "scratch", "trained as long",
        "pairs", "subjects",
    ],
)  # fmt: skip
def test_the_runs_it_asks_for_can_run_and_mend_the_rule(name):
    results = MENDED.get(name, BROKEN[name])(fair_results())
    known = catalogue()
    found = next(f for f in referee(results, known).findings if f.name == name)
    assert found.missing
    there = {r.key for r in results}
    for spec in found.missing:
        validate(spec, known)
        assert spec.key not in there
    left = [r for r in results if r.key not in found.instead_of]
    after = referee([*left, *map(ended, found.missing)], known)
    assert next(f for f in after.findings if f.name == name).holds


def test_a_lone_run_fails_and_is_told_what_makes_it_a_comparison():
    judged = referee([ended(RunSpec())], catalogue())
    assert judged.grade == "F"
    names = {f.name for f in judged.broken}
    assert names == {"random", "seeds", "points", "magnitude", "trained as long", "subjects"}
    random = next(f for f in judged.broken if f.name == "random")
    assert [(s.method, s.sparsity, s.seed) for s in random.missing] == [("random", 0.9, 0)]


def test_rounds_cannot_be_lengthened_by_one_number():
    slow = replace(RunSpec(method="iterative-magnitude"), seed=0)
    rounds = {"dense": 30, "round 1": 5, "round 2": 5}
    judged = referee([ended(slow, plan=rounds), ended(RunSpec(method="random"))], catalogue())
    found = next(f for f in judged.findings if f.name == "budget")
    assert "iterative-magnitude: fewer epochs" in found.said
    assert not found.missing
    assert "by hand" in found.todo


def test_nothing_pruned_is_no_comparison():
    with pytest.raises(ValueError, match="at least one finished run that removes something"):
        referee([ended(RunSpec(sparsity=0.0))], catalogue())
    with pytest.raises(ValueError, match="at least one finished run"):
        referee([replace(ended(RunSpec()), status="failed")], catalogue())


def test_the_table_has_every_axis_of_every_run():
    rows = fair.table(fair_results())
    first = rows.set_index("key").loc[ended(RunSpec(sparsity=0.5)).key]
    assert first["compression"] == 2.0
    assert first["parameters"] == 500
    assert first["bytes"] == 2000
    assert first["multiply-adds"] == 1000
    assert first["multiply-adds, zeros free"] == 500
    assert math.isnan(first["splits"])
    assert first["accuracy lost"] == pytest.approx(first["dense"] - first["accuracy"])
    assert set(AXES) | set(QUALITIES) <= set(rows.columns)


def test_the_front_is_what_nothing_beats():
    rng = np.random.default_rng(0)
    points = [tuple(p) for p in rng.random((60, 2))]
    x, y = fair.Axis("", float), fair.Axis("", float, more=True)
    brute = {
        i
        for i, (a, b) in enumerate(points)
        if not any((c <= a and d >= b) and (c < a or d > b) for c, d in points)
    }
    assert set(front(points, x=x, y=y)) == brute
    mirrored = [(-a, -b) for a, b in points]
    flipped = front(mirrored, x=x._replace(more=True), y=y._replace(more=False))
    assert set(flipped) == brute


def measured(gaps, seeds=range(5)):
    """Rows of two series at two sparsities; ``gaps``: how far one is ahead in each seed."""
    return pd.DataFrame(
        {"series": name, "asked": at, "seed": s, "accuracy": 0.9 + ahead * g + s / 100}
        for name, ahead in (("random", 0), ("magnitude", 1))
        for at in (0.5, 0.9)
        for s, g in zip(seeds, gaps, strict=True)
    )


GAPS = (0.02, 0.03, 0.025, 0.01, 0.022)


def test_differences_are_those_of_scipys_paired_test():
    rows = measured(GAPS)
    at = rows[rows.asked == 0.9]
    a, b = (at[at.series == n].accuracy.to_numpy() for n in ("magnitude", "random"))
    expected = stats.ttest_rel(a, b)
    ends = expected.confidence_interval(0.95)
    for found in compared(rows, "random"):
        assert found.mean == pytest.approx(float(np.mean(GAPS)))
        assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
        assert found.p == pytest.approx(expected.pvalue)
        assert found.holm == pytest.approx(min(1.0, 2 * found.p))
        assert found.said == "ahead"
    assert compared(rows, "nothing of that name") == []


def test_less_of_a_loss_is_ahead():
    rows = measured(GAPS)
    assert {c.said for c in compared(rows, "random", more=False)} == {"behind"}


def test_one_seed_and_equal_runs_tell_nothing():
    (one, _) = compared(measured([0.1], seeds=[0]), "random")
    assert (one.said, one.low, one.high) == ("one seed cannot tell", -math.inf, math.inf)
    (same, _) = compared(measured([0.0] * 5), "random")
    assert same.said == "no difference found"
    (alike,) = overall(measured([0.0] * 5), "random")
    assert (alike.low, alike.high) == pytest.approx((0.0, 0.0))


def test_the_bootstrap_over_sparsities_is_that_of_scipy():
    (found,) = overall(measured(GAPS), "random")
    expected = stats.bootstrap(
        (np.array(GAPS),), np.mean, method="percentile", n_resamples=9999,
        rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=5e-4)
    assert (found.seeds, found.points, found.level) == (5, 2, 0.95)
    (few,) = overall(measured(GAPS[:3], seeds=range(3)), "random")
    t = stats.ttest_1samp(GAPS[:3], 0).confidence_interval(0.95)
    assert (few.low, few.high) == pytest.approx((t.low, t.high))


def test_holm_lies_between_bonferroni_and_scipys_false_discovery_rate():
    """A p-value by Holm is the largest Bonferroni product over the tests that are as sure."""
    ps = np.random.default_rng(1).random(9) ** 3
    m = len(ps)
    order = np.argsort(ps)
    products = ps[order] * (m - np.arange(m))
    expected = np.empty(m)
    expected[order] = np.minimum(1, np.maximum.accumulate(products))
    assert holm(ps.tolist()) == pytest.approx(expected.tolist())
    # Benjamini-Hochberg of scipy is less strict, Bonferroni more: Holm lies between.
    assert (stats.false_discovery_control(ps) <= expected + 1e-12).all()
    assert (expected <= np.minimum(1, m * ps) + 1e-12).all()


def test_holm_holds_the_rate_of_any_false_alarm():
    rng = np.random.default_rng(0)
    ps = rng.random((2000, 8))
    alarms = sum(min(holm(list(row))) < 0.05 for row in ps) / len(ps)
    assert 0.03 < alarms < 0.06
    assert holm([0.2, 0.01, 0.03]) == pytest.approx([0.2, 0.03, 0.06])


@pytest.mark.parametrize(("seeds", "gap"), [(3, 4.6), (5, 2.4), (10, 1.4), (20, 0.93)])
def test_the_gap_that_can_be_found_is_that_of_a_simulation(seeds, gap):
    """Independent runs of sd 1 differ with sd √2; the figures are from 20,000 simulated draws."""
    assert detectable(math.sqrt(2), seeds) == pytest.approx(gap, rel=0.04)
    assert detectable(0.0, seeds) == math.inf
