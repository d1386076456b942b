"""Allocation and selection: exact counts, the published tables, ties, and torch's own masks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune as peer

from prunelab import ranking
from prunelab.masks import SCOPES, allocate, choose, highest, removed, select
from prunelab.stepwise import exponential

LENET = {"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}
LENET_5 = {"conv1": (20, 1, 5, 5), "conv2": (50, 20, 5, 5), "fc1": (500, 800), "fc2": (10, 500)}
# Kept weights by ERK, worked out apart from this code; a row is a sparsity.
ERK = [
    (LENET, 0.50, (102100, 30000, 1000)),
    (LENET, 0.80, (38159, 14081, 1000)),
    (LENET, 0.90, (18714, 6906, 1000)),
    (LENET, 0.95, (9051, 3340, 919)),
    (LENET, 0.98, (3621, 1336, 367)),
    (LENET, 0.99, (1810, 668, 184)),
    (LENET_5, 0.90, (500, 2177, 35373, 5000)),
    (LENET_5, 0.95, (363, 937, 15225, 5000)),
    (LENET_5, 0.98, (139, 359, 5827, 2286)),
    (LENET_5, 0.99, (69, 179, 2913, 1143)),
]

shapes = st.lists(
    st.lists(st.integers(1, 7), min_size=2, max_size=4).map(tuple), min_size=1, max_size=4
)


def scores_of(sizes, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return {n: torch.randn(s, generator=generator).abs().to(dtype) for n, s in sizes.items()}


@pytest.mark.parametrize(("sizes", "sparsity", "kept"), ERK)
def test_erk_gives_the_published_counts(sizes, sparsity, kept):
    counts = allocate(scores_of(sizes), sparsity, "erk")
    total = sum(np.prod(s) for s in sizes.values())
    assert sum(counts.values()) == total - removed(sparsity, int(total))
    # The published rows are each rounded; ours also sum exactly, so one unit may differ.
    assert max(abs(a - b) for a, b in zip(counts.values(), kept, strict=True)) <= 1


def test_lamp_scores_of_one_two_three():
    # (1/14, 4/13, 1) beside a layer of equal weights whose scores are 1/4, 1/3, 1/2, 1: the six
    # that stay of seven leave out the lowest, 1/14.
    scores = {"a": torch.tensor([[1.0, 2.0, 3.0]]), "b": torch.full((1, 4), 5.0)}
    assert allocate(scores, 1 / 7, "lamp") == {"a": 2, "b": 4}
    assert allocate(scores, 2 / 7, "lamp") == {"a": 2, "b": 3}


def test_lamp_does_not_mind_the_scale_of_a_layer_but_global_does():
    scores = scores_of(LENET)
    scaled = {**scores, "fc1": scores["fc1"] * 100}
    assert allocate(scores, 0.9, "lamp") == allocate(scaled, 0.9, "lamp")
    assert allocate(scores, 0.9) != allocate(scaled, 0.9)


def test_uniform_plus_keeps_a_first_convolution_and_a_fifth_of_the_last_layer():
    counts = allocate(scores_of(LENET_5), 0.95, "uniform-plus")
    assert counts["conv1"] == 500
    assert counts["fc2"] == 1000
    assert allocate(scores_of(LENET), 0.5, "uniform-plus") == allocate(
        scores_of(LENET), 0.5, "uniform"
    )


def test_er_ignores_the_kernel():
    sizes = {"a": (8, 4, 3, 3), "b": (8, 4, 1, 1), "c": (64, 64)}
    counts = allocate(scores_of(sizes), 0.8, "er")
    assert counts["a"] / (8 * 4 * 9) == pytest.approx(counts["b"] / (8 * 4), abs=0.03)


@given(sizes=shapes, sparsity=st.floats(0, 0.99), scope=st.sampled_from(sorted(SCOPES)))
@settings(max_examples=150, deadline=None)
def test_counts_are_exact_in_every_scope(sizes, sparsity, scope):
    scores = scores_of({f"l{i}": s for i, s in enumerate(sizes)})
    total = sum(s.numel() for s in scores.values())
    keep = total - removed(sparsity, total)
    if keep < 1:
        return
    if scope == "uniform-plus":
        assume(not any(s.ndim > 2 for s in scores.values()))
        assume(keep >= 0.2 * scores[list(scores)[-1]].numel())
    counts = allocate(scores, sparsity, scope)
    masks = select(scores, counts)
    assert sum(int(m.sum()) for m in masks.values()) == keep
    assert all(0 <= counts[n] <= scores[n].numel() for n in scores)


@given(
    values=st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=60),
    keep=st.integers(0, 60),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]),
)
@settings(max_examples=200, deadline=None)
def test_select_is_a_stable_sort(values, keep, dtype):
    score = torch.tensor(values).to(dtype)
    keep = min(keep, len(values))
    order = torch.argsort(score.double() + 0.0, descending=True, stable=True)
    expected = torch.zeros(len(values), dtype=torch.bool)
    expected[order[:keep]] = True
    assert torch.equal(select({"a": score}, {"a": keep})["a"], expected)


def test_equal_scores_give_exact_counts_lower_index_first():
    scores = {"a": torch.ones(4), "b": torch.ones(6)}
    counts = allocate(scores, 0.5)
    assert counts == {"a": 4, "b": 1}
    assert select(scores, counts)["b"].tolist() == [True, *[False] * 5]


def test_a_block_of_equal_scores_goes_as_a_whole_where_asked():
    scores = {"a": torch.tensor([3.0, 2.0, 2.0, 1.0])}
    assert select(scores, {"a": 2}, whole_ties=True)["a"].tolist() == [True, False, False, False]
    assert select(scores, {"a": 3}, whole_ties=True)["a"].tolist() == [True, True, True, False]


def test_masks_are_those_of_torch():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(30, 40), nn.Linear(40, 20), nn.Linear(20, 5))
    scores = {n: m.weight.detach().abs() for n, m in net.named_modules() if n}
    total = sum(s.numel() for s in scores.values())
    gone = removed(0.83, total)
    ours = select(scores, allocate(scores, 0.83))
    peer.global_unstructured(
        [(m, "weight") for m in net], pruning_method=peer.L1Unstructured, amount=gone
    )
    for name, module in net.named_modules():
        if name:
            assert torch.equal(ours[name], module.weight_mask.bool())


def test_layerwise_masks_are_those_of_torch():
    torch.manual_seed(1)
    layer = nn.Conv2d(3, 16, 3)
    ours = select(
        {"a": layer.weight.detach().abs()}, allocate({"a": layer.weight.detach().abs()}, 0.7)
    )
    peer.l1_unstructured(layer, "weight", amount=removed(0.7, layer.weight.numel()))
    assert torch.equal(ours["a"], layer.weight_mask.bool())


def test_nothing_returns_within_what_is_left():
    scores = scores_of(LENET)
    first = select(scores, allocate(scores, 0.5))
    other = scores_of(LENET, seed=9)
    for scope in SCOPES:
        second = select(other, allocate(other, 0.9, scope, within=first), within=first)
        assert all(not (second[n] & ~first[n]).any() for n in scores), scope


def test_a_floor_keeps_a_layer_alive():
    scores = {"a": torch.full((10,), 1e-6), "b": torch.ones(90)}
    assert allocate(scores, 0.5)["a"] == 0
    assert allocate(scores, 0.5, floor=1) == {"a": 1, "b": 49}


def test_sparsity_layer_by_layer():
    counts = allocate(scores_of(LENET), 0.1, layers={"fc1": 0.92, "fc2": 0.91, "fc3": 0.74})
    assert counts == {"fc1": 18816, "fc2": 2700, "fc3": 260}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: allocate(s, 1.0), "below 1, got 1"),
        (lambda s: allocate(s, -0.1), "at least 0"),
        (lambda s: allocate(s, float("nan")), "sparsity must be"),
        (lambda s: allocate(s, 0.5, "diagonal"), "scope must be one of"),
        (lambda s: allocate(s, 0.5, layers={"nope": 0.5}), "no layer 'nope'"),
        (lambda s: allocate({"a": torch.ones(3)}, 0.9), "remove all 3 units"),
        (lambda s: allocate({"a": torch.tensor([1.0, float("nan")])}, 0.5), "a must be finite"),
        (lambda s: select({"a": torch.tensor([float("inf")])}, {"a": 1}), "must be finite"),
        (lambda s: select({"a": torch.ones(3)}, {"a": 4}), "3 units left, cannot keep 4"),
        (
            lambda s: allocate({"a": torch.ones(9, 1, 1), "b": s["fc3"]}, 0.999, "uniform-plus"),
            "of a and b at least 209 weights, but 1 may stay",
        ),
        (
            lambda s: allocate(
                {"a": torch.ones(4)}, 0.2, within={"a": torch.tensor([True, False, False, False])}
            ),
            "only 1 are left",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call(scores_of(LENET))


@pytest.mark.parametrize("sample", [8, 100, 1 << 18])  # with few of them the cut is elsewhere
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.int64])
def test_searching_and_sorting_find_the_same_cut(monkeypatch, dtype, sample):
    monkeypatch.setattr("prunelab.ranking.SAMPLE", sample)
    generator = torch.Generator().manual_seed(4)
    drawn = torch.randint(-50, 50, (3, 400), generator=generator).to(dtype)
    scores = {"a": drawn[0], "b": drawn[1].reshape(20, 20), "c": drawn[2] * 1000}
    if drawn.is_floating_point():
        scores["b"] = -scores["b"]  # with zeros of both signs
    below = sum(int((s > 0).sum()) for s in scores.values())
    monkeypatch.setattr("prunelab.ranking.PIECE", 64)
    for keep in (1, 7, 599, below + 1, below + 9, 1199, 1200):
        monkeypatch.setattr("prunelab.ranking.SMALL", 0)
        searched = highest(scores, keep)
        monkeypatch.setattr("prunelab.ranking.SMALL", 1 << 19)
        joined = highest(scores, keep)
        assert sum(int(m.sum()) for m in joined.values()) == keep
        assert all(torch.equal(searched[n], joined[n]) for n in scores)
        by_layer = select(scores, {n: int(m.sum()) for n, m in joined.items()})
        assert all(torch.equal(by_layer[n], joined[n]) for n in scores)


@given(st.integers(0, 10_000), st.sampled_from([8, 64, 4096]), st.sampled_from([1, 3, 1000]))
def test_a_sample_changes_nothing_also_within_what_is_left(seed, sample, levels):
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(-levels, levels + 1, (3, 500), generator=generator) / 7
    scores, left = dict(zip("abc", drawn, strict=True)), drawn < 0.8 * levels / 7
    within = dict(zip("abc", left, strict=True))
    keep = int(torch.randint(0, int(left.sum()) + 1, (), generator=generator))
    joined = highest(scores, keep, within)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"SMALL": 0, "PIECE": 64, "SAMPLE": sample}.items():
            patch.setattr(ranking, name, value)
        searched = highest(scores, keep, within)
    assert sum(int(m.sum()) for m in joined.values()) == keep
    assert all(torch.equal(searched[n], joined[n]) for n in scores)


def by_sorting(scores, keep):
    flat = torch.cat([score.double().flatten() for score in scores.values()])
    stays = torch.zeros(len(flat), dtype=torch.bool)
    stays[torch.argsort(flat, descending=True, stable=True)[:keep]] = True
    parts = stays.split([score.numel() for score in scores.values()])
    return {n: p.view(s.shape) for (n, s), p in zip(scores.items(), parts, strict=True)}


def in_small(monkeypatch, search):
    for name, value in {"SMALL": 0, "PIECE": 64, "SAMPLE": 500, "STEP": 1}.items():
        monkeypatch.setattr(ranking, name, value)
    monkeypatch.setattr(ranking, "_search", search)


@pytest.mark.parametrize("library", ["numpy", "torch"])  # torch is what a GPU takes
@pytest.mark.parametrize("kinds", [(torch.bfloat16,) * 2, (torch.float16, torch.float64)])
def test_one_pass_is_enough_for_any_dtypes(monkeypatch, kinds, library):
    in_small(monkeypatch, None)
    if library == "torch":
        monkeypatch.setattr(ranking, "_plain", lambda tensor: (torch, tensor))
    generator = torch.Generator().manual_seed(2)
    a, b = torch.randn((2, 50, 60), generator=generator)
    scores = {"a": a.to(kinds[0]).t(), "b": b.to(kinds[1])}
    for keep in (1, 300, 5999):
        masks, expected = highest(scores, keep), by_sorting(scores, keep)
        assert all(torch.equal(masks[name], expected[name]) for name in scores)


@pytest.mark.parametrize("level", [0.0, -1.5])
def test_a_cut_among_many_equal_scores_takes_three_counts(monkeypatch, level):
    counts, search, higher = [], ranking._search, ranking._higher
    in_small(monkeypatch, search)
    monkeypatch.setattr(ranking, "HELD", 10**6)
    monkeypatch.setattr(ranking, "_higher", lambda *a: counts.append(a) or higher(*a))
    scores = {"a": torch.linspace(level - 1, level + 1, 3000)}
    scores["a"][500:2500] = level
    scores["a"][1000:1500] *= -1 if level == 0 else 1  # zeros of both signs
    masks, expected = highest(scores, 1500), by_sorting(scores, 1500)
    assert torch.equal(masks["a"], expected["a"])
    assert 1 <= len(counts) <= 3


def test_a_sample_that_misleads_changes_nothing(monkeypatch):
    in_small(monkeypatch, ranking._search)
    monkeypatch.setattr(ranking, "STEP", 10)
    scores = {"a": torch.randn(3000, generator=torch.Generator().manual_seed(3))}
    scores["a"][::11] += 9  # all that the sample sees
    for keep in (100, 1500, 2900):
        assert torch.equal(highest(scores, keep)["a"], by_sorting(scores, keep)["a"])


def test_infinite_scores_are_found_by_the_sample_s_pass(monkeypatch):
    monkeypatch.setattr(ranking, "SMALL", 0)
    for wrong in (float("nan"), float("inf"), float("-inf")):
        scores = {"a": torch.randn(100), "b": torch.cat([torch.randn(50), torch.tensor([wrong])])}
        with pytest.raises(ValueError, match="scores of b must be finite"):
            highest(scores, 70)


def test_exponential_rounds_are_those_of_the_paper():
    assert exponential(266200, 5324, 5) == (121735, 55670, 25458, 11642, 5324)
    assert exponential(10, 10, 3) == (10, 10, 10)


@pytest.mark.parametrize("whole_ties", [False, True])
@pytest.mark.parametrize("floor", [0, 1, 200])
@pytest.mark.parametrize("scope", SCOPES)
def test_choosing_is_allocating_and_selecting(scope, floor, whole_ties):
    """Few levels, so that ties are at the cut; the last group has the lowest scores."""
    scores = {n: (s * 3).round() for n, s in scores_of(LENET).items()}
    scores["fc3"] -= 9
    left = {n: torch.rand(s.shape, generator=torch.Generator()) > 0.1 for n, s in scores.items()}
    for sparsity, within in ((0.9, None), (0.5, left), (0.0, None)):
        given = {"within": within, "floor": floor}
        counts = allocate(scores, sparsity, scope, **given)
        expected = select(scores, counts, within=within, whole_ties=whole_ties)
        found = choose(scores, sparsity, scope, **given, whole_ties=whole_ties)
        assert all(torch.equal(found[n], mask) for n, mask in expected.items())


def test_one_ranking_over_all_groups_is_made_once(monkeypatch):
    ranked = []
    monkeypatch.setattr(
        "prunelab.masks.highest", lambda *given, **how: ranked.append(1) or highest(*given, **how)
    )
    assert sum(map(int, map(torch.sum, choose(scores_of(LENET), 0.9).values()))) == 26620
    assert len(ranked) == 1


def test_what_cannot_be_chosen_is_refused():
    with pytest.raises(ValueError, match="keep at least one"):
        choose({"a": torch.rand(3)}, 0.9)
    with pytest.raises(ValueError, match="only 1 are left"):
        choose({"a": torch.rand(4)}, 0.5, within={"a": torch.tensor([True, False, False, False])})
