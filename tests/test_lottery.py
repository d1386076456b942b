"""The race of lottery tickets: who starts, what a medal needs, and how rarely luck wins one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import prunelab as pl
from prunelab import figures
from prunelab.catalogue import catalogue, validate
from prunelab.events import Result
from prunelab.lottery import LANES, TICKET, Arrival, arrivals, judge, margins, starters
from prunelab.models.mlp import narrowed
from prunelab.probes import weights
from prunelab.registry import MODELS
from prunelab.spec import RunSpec

BASE = RunSpec(method="lottery-ticket", knobs={"rewind_epoch": 1, "rate": 0.2})


def arrived(lanes, sparsity=0.9):
    """Arrivals from accuracies in percent by lane, seed by seed."""
    return [
        Arrival(lane, sparsity, seed, accuracy / 100, 0.98, 60, f"{lane}-{sparsity}-{seed}")
        for lane, scores in lanes.items()
        for seed, accuracy in enumerate(scores)
    ]


def test_every_lane_changes_one_thing():
    race = starters(BASE, [0.9], [0], epochs=30)
    by_lane = {s.lane: s.spec for s in race}
    assert list(by_lane) == list(LANES)
    assert by_lane[TICKET] == replace(BASE, sparsity=0.9)
    assert by_lane["new first values"].recover == "reinit"
    assert by_lane["shuffled mask"].recover == "shuffle"
    assert by_lane["learning rate rewound"].recover == "lr-rewind"
    tuned = by_lane["fine-tuned"]
    assert (tuned.recover, tuned.recover_epochs) == ("finetune", 30)
    assert by_lane["one shot"].knobs == {"rewind_epoch": 1, "rate": 0.9}
    small = by_lane["small dense"]
    assert (small.model, small.sparsity, small.recover) == ("mlp", 0.0, "none")
    assert small.model_knobs == {"widths": "300-100", "share": pytest.approx(0.1)}
    assert len({s.spec.key for s in race}) == len(LANES)


def test_every_starter_can_run():
    known = catalogue()
    for model in ("lenet-300-100", "mlp", "lenet-5"):
        base = replace(BASE, model=model)
        race = starters(base, [0.5, 0.99], range(2), epochs=30)
        assert len(race) == 4 * (len(LANES) - (model == "lenet-5"))
        for starter in race:
            validate(starter.spec, known)


@pytest.mark.parametrize("sparsity", [0.5, 0.9, 0.98, 0.99])
def test_one_shot_is_one_round(sparsity):
    from prunelab.schedules import lottery as rounds

    (starter,) = starters(BASE, [sparsity], [0], epochs=30, lanes=["one shot"])
    assert rounds(sparsity, rate=starter.spec.knobs["rate"]) == (sparsity,)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1, 0.02, 0.01])
def test_a_narrow_network_has_the_most_weights_its_share_allows(share):
    net = MODELS["mlp"].function((1, 8, 8), 10, widths="300-100", share=share)
    units = sum(w.numel() for w in weights(net).values())
    assert units <= share * 50_200
    wider = [n + 3 for n in narrowed(64, [300, 100], 10, share)]
    if share < 1:
        assert 64 * wider[0] + wider[0] * wider[1] + 10 * wider[1] > share * 50_200


def test_even_too_small_a_share_leaves_a_neuron_a_layer():
    assert narrowed(64, [300, 100], 10, 1e-4) == [1, 1]
    assert narrowed(4, [], 3, 0.5) == []


def test_the_interval_is_that_of_a_paired_t_test():
    one, two = [97.0, 96.1, 96.8, 97.3], [95.2, 95.0, 96.0, 95.1]
    (verdict,) = judge(arrived({TICKET: one, "one shot": two}))
    (margin,) = verdict.margins
    test = stats.ttest_rel(np.array(one) / 100, np.array(two) / 100)
    low, high = test.confidence_interval(0.95)
    assert (margin.low, margin.high) == (pytest.approx(low), pytest.approx(high))
    assert margin.seeds == 4
    assert verdict.medal == (low > 0) == (test.pvalue < 0.05)


def test_more_lanes_need_more_evidence():
    lanes = {TICKET: [97.0, 96.1, 96.8], "one shot": [96.1, 95.0, 95.7]}
    assert judge(arrived(lanes))[0].medal
    others = {f"lane {i}": [50.0 + i, 51.0 + i, 49.0 + i] for i in range(5)}
    verdict = judge(arrived(lanes | others))[0]
    assert len(verdict.margins) == 6
    closest = verdict.margins[0]
    gaps = np.array([0.9, 1.1, 1.1]) / 100
    half = stats.t.ppf(1 - 0.05 / 6 / 2, 2) * gaps.std(ddof=1) / math.sqrt(3)
    one_shot = next(m for m in verdict.margins if m.behind == "one shot")
    assert one_shot.low == pytest.approx(gaps.mean() - half)
    assert closest.mean <= one_shot.mean


def test_a_medal_needs_every_other_lane_behind():
    lanes = {TICKET: [97, 96, 98], "one shot": [90, 88.9, 91.1], "fine-tuned": [96, 96.5, 97]}
    verdict = judge(arrived(lanes))[0]
    assert verdict.leader == TICKET
    assert not verdict.medal
    assert [m.apart for m in verdict.margins] == [False, True]


def test_too_few_seeds_or_no_spread_give_no_medal():
    one = judge(arrived({TICKET: [97.0], "one shot": [80.0]}))[0]
    assert not one.medal
    assert one.margins[0].low == -math.inf
    same = judge(arrived({TICKET: [97.0, 97.0], "one shot": [80.0, 80.0]}))[0]
    assert same.margins[0].mean > 0
    assert not same.medal
    assert judge(arrived({TICKET: [97.0, 96.0]})) == []
    assert judge([]) == []


def test_only_seeds_that_every_lane_has_run_are_compared():
    found = arrived({TICKET: [97.0, 96.0, 10.0], "one shot": [95.0, 94.5]})
    (margin,) = judge(found)[0].margins
    assert margin.seeds == 2
    assert margin.mean == pytest.approx(0.0175)


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_medal_by_luck_is_rare(seeds):
    """Seven lanes that are equal: at most one medal in twenty, by the promise of the test."""
    draw = np.random.default_rng(0)
    medals = 0
    for _ in range(400):
        level = draw.normal(0, 1, seeds)
        lanes = {f"lane {i}": 95 + level + draw.normal(0, 0.5, seeds) for i in range(7)}
        medals += judge(arrived(lanes))[0].medal
    assert medals <= 0.05 * 400


def test_a_clear_winner_gets_its_medal():
    draw = np.random.default_rng(1)
    lanes = {f"lane {i}": 90 + draw.normal(0, 0.3, 5) for i in range(6)}
    verdict = judge(arrived({TICKET: 95 + draw.normal(0, 0.3, 5), **lanes}))[0]
    assert (verdict.leader, verdict.medal) == (TICKET, True)


def test_arrivals_take_what_has_ended():
    race = starters(BASE, [0.9], [0, 1], epochs=30, lanes=[TICKET, "small dense"])
    done = Result(
        status="finished", dense={"accuracy": 0.98}, recovered={"accuracy": 0.96},
        plan={"dense": 30, "round 1": 29},
    )  # fmt: skip
    results = {race[0].spec.key: done, race[2].spec.key: done, race[1].spec.key: Result()}
    found = arrivals(race, results)
    assert [(a.lane, a.seed, a.accuracy, a.epochs) for a in found] == [
        (TICKET, 0, 0.96, 59),
        ("small dense", 0, 0.96, 59),
    ]
    assert found[0].dense == 0.98
    assert math.isnan(found[1].dense)


def test_margins_of_the_ticket_also_where_it_does_not_lead():
    found = arrived({TICKET: [90.0, 91.5], "one shot": [95.0, 96.0]})
    (margin,) = margins(found)
    assert margin.mean == pytest.approx(-0.0475)
    assert judge(found)[0].leader == "one shot"
    assert margins(arrived({"one shot": [95.0, 96.0], "fine-tuned": [1, 2]})) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("even", [False, True])
def test_the_race_is_drawn_with_its_numbers(theme, even):
    draw = np.random.default_rng(2)
    found = [
        a
        for sparsity, gap in ((0.9, 0.0), (0.98, 6.0))
        for a in arrived(
            {TICKET: 96 + draw.normal(0, 0.3, 5), "one shot": 96 - gap + draw.normal(0, 0.3, 5)},
            sparsity,
        )
    ]
    picture = figures.race(found, theme=theme, even=even)
    assert picture.title == "🥇 winning ticket wins at 98\u00a0% sparsity"
    assert len(picture.table) == 4
    marks = [a for a in picture.figure.layout.annotations if a.text == "🥇"]
    mean = np.mean([a.accuracy for a in found if (a.lane, a.sparsity) == (TICKET, 0.98)])
    (medal,) = marks
    assert medal.x == pytest.approx(0.98 if even else math.log10(0.02))
    assert medal.y == pytest.approx(mean if even else math.log10(1 - mean))
    dots = [t for t in picture.figure.data if t.mode == "markers"]
    drawn = sorted(y if even else 1 - y for t in dots for y in t.y)
    assert drawn == pytest.approx(sorted(a.accuracy for a in found))
    table = figures.medal_table(found)
    assert list(table["medal"]) == ["not enough evidence", "🥇"]
    assert figures.lane_table(found)["epochs a run"].tolist() == [60, 60]


def test_how_far_the_ticket_is_ahead_is_drawn_with_intervals():
    found = arrived(
        {TICKET: [97, 96.4, 97.2], "one shot": [80, 79, 80.5], "fine-tuned": [98, 97, 99]}
    )
    picture = figures.ahead(found)
    words = picture.title.replace("\u00a0", " ")
    assert words == "At 90 % the winning ticket is ahead of one shot beyond chance"
    assert len(picture.figure.data) == 2
    assert set(picture.table["behind"]) == {"one shot", "fine-tuned"}
    worse = arrived({TICKET: [80, 79, 80.5], "one shot": [97, 96.4, 97.2]})
    assert figures.ahead(worse).title.endswith("ahead of no lane beyond chance and behind one shot")


def test_what_cannot_be_drawn_yet_is_said():
    with pytest.raises(ValueError, match="No run has ended yet"):
        figures.race([])
    with pytest.raises(ValueError, match="Intervals need two seeds"):
        figures.ahead(arrived({TICKET: [97.0], "one shot": [80.0]}))
    alone = arrived({TICKET: [97.0]})
    assert figures.race(alone).title == "1 runs are in; a second lane makes it a race"
    single = arrived({TICKET: [97.0], "one shot": [80.0]})
    assert figures.race(single).title == "One seed tells nothing about luck: run more"


def test_a_race_from_a_notebook(home):
    lanes = [TICKET, "one shot", "small dense"]
    race = pl.race(
        sparsity=[0.5], seed=[0, 1], lanes=lanes, epochs=2, knobs={"rate": 0.4}, progress=False
    )
    assert [a.lane for a in race.arrivals] == [lane for lane in lanes for _ in range(2)]
    assert race.arrivals[0].epochs == 6  # dense, and two rounds
    assert race.arrivals[2].epochs == 4
    assert len(race.medals) == 1
    assert set(race.lanes["lane"]) == set(lanes)
    assert race.plot.race().data
    assert race.plot.ahead(0.5).data
    with pytest.raises(pl.SpecError, match="knob of the method"):
        pl.race(sparsity=[0.5], seed=[0], knobs={"rat": 0.4})
