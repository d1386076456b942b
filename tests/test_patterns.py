"""N:M patterns: after training and while training."""

from __future__ import annotations

import copy

import pytest
import torch
from labs import lab_of, train
from torch import nn

from prunelab.course import Course
from prunelab.events import Warned, fold
from prunelab.experiment import run
from prunelab.masks import select
from prunelab.methods import sr_ste
from prunelab.methods.n_m import n_m
from prunelab.probes import weights
from prunelab.spec import RunSpec, SpecError
from prunelab.units.patterns import best, blockwise, pattern, places


def test_two_of_four_is_the_mask_of_torch():
    from torch.ao.pruning import WeightNormSparsifier

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
    scores = n_m(net, None, sparsity=0.5)
    masks = select(scores, {"0": 64, "2": 16})
    sparsifier = WeightNormSparsifier(
        sparsity_level=1.0, sparse_block_shape=(1, 4), zeros_per_block=2
    )
    other = copy.deepcopy(net)
    sparsifier.prepare(other, [{"tensor_fqn": f"{n}.weight"} for n in ("0", "2")])
    sparsifier.step()
    for name in ("0", "2"):
        theirs = other.get_submodule(name).parametrizations.weight[0].mask.bool()
        assert torch.equal(masks[name], theirs)
        assert bool((masks[name].reshape(-1, 4).sum(1) == 2).all())


def test_blocks_of_a_convolution_lie_along_its_input_channels():
    w = torch.randn(3, 8, 2, 2)
    mask = select({"c": blockwise("c", w, 4)}, {"c": w.numel() // 2})["c"]
    assert bool((mask.reshape(3, 2, 4, 2, 2).sum(2) == 2).all())
    best = w.abs().reshape(3, 2, 4, 2, 2).topk(2, dim=2).values.sum()
    assert float(w.abs()[mask].sum()) == pytest.approx(float(best), rel=1e-6)


def test_an_n_m_pattern_is_refused_where_it_cannot_be_and_named_where_it_is_not():
    with pytest.raises(SpecError, match="conv1 has 6 inputs, which blocks of 4 do not divide; cho"):
        blockwise("conv1", torch.zeros(2, 6), 4)
    with pytest.raises(SpecError, match="another model or method"):
        blockwise("conv1", torch.zeros(2, 1, 3, 3), 4)
    assert pattern(0.5, 4) == pattern(0.75, 4) == pattern(0.0, 4) == ""
    assert "Ask for" in pattern(0.9, 4)
    events = list(run(RunSpec(method="n-m", sparsity=0.6, epochs=1, recover="none")))
    assert any(isinstance(e, Warned) and "0.5 for 2:4" in e.message for e in events)
    last = list(run(RunSpec(method="n-m", model="lenet-5", sparsity=0.5, epochs=1)))[-1]
    assert last.reason.startswith("conv1 has 1 inputs")
    assert last.advice == "Change the setting it names."


def test_sr_ste_pulls_what_is_pruned_to_zero():
    net = nn.Sequential(nn.Linear(8, 4))
    course = Course(steps=9)
    method = sr_ste.sr_ste(net, None, course=course, sparsity=0.5, decay=0.1)
    next(method)
    course.mask, course.step = {"0": torch.rand(4, 8) < 0.5}, 1
    w = net[0].weight
    w.grad = torch.randn(4, 8)
    before = w.grad.clone()
    next(method)
    assert torch.allclose(w.grad, before + 0.1 * w.detach() * ~course.mask["0"])


def test_sr_ste_ends_with_the_pattern():
    result = fold(run(RunSpec(method="sr-ste", sparsity=0.5, epochs=3)))
    assert result.status == "finished", result.reason
    assert result.recovered["validation_accuracy"] > 0.8
    job, lab = lab_of("sr-ste", sparsity=0.5)
    train(job, lab)
    for w in weights(lab.net).values():
        assert int((w.reshape(-1, 4) != 0).sum(1).max()) <= 2


def test_places_are_those_of_a_stable_sort():
    torch.manual_seed(0)
    w = torch.randint(-3, 4, (16, 32)).float()  # with many ties
    for m in (2, 4, 8, 32):
        order = w.abs().reshape(-1, m).sort(dim=1, descending=True, stable=True).indices
        place = torch.empty_like(order).scatter_(1, order, torch.arange(m).expand_as(order))
        assert torch.equal(places("fc", w, m), -place.reshape(w.shape).float())


@pytest.mark.parametrize("shape", [(16, 32), (4, 8, 3, 3)])
def test_the_best_of_a_block_are_those_of_the_highest_places(shape):
    torch.manual_seed(0)
    w = torch.randint(-3, 4, shape).float()  # with many ties
    for n, m in ((1, 4), (2, 4), (3, 8), (8, 8)):
        mask = best("l", w, n, m)
        assert mask.is_contiguous()
        assert torch.equal(mask, places("l", w, m) > -n)


@pytest.mark.parametrize(("sparsity", "kind"), [(0.5, torch.bool), (0.6, torch.float64)])
def test_sr_ste_offers_the_next_mask_itself_where_it_is_a_pattern(sparsity, kind):
    job, lab = lab_of("sr-ste", sparsity=sparsity)
    course = Course(steps=9)
    method = sr_ste.sr_ste(lab.net, None, course=course, sparsity=sparsity)
    course.mask = job.select(next(method), sparsity).mask
    first = {n: m.clone() for n, m in course.mask.items()}
    with torch.no_grad():
        for w in weights(lab.net).values():
            w.copy_(torch.randn_like(w))
    course.due, course.step = False, 10
    offered = next(method)
    again = job.again(offered, course.mask)
    assert {s.dtype for s in offered.values()} == {kind}
    for n, w in weights(lab.net).items():
        expected = select({n: blockwise(n, w, 4)}, {n: int(first[n].sum())})[n]
        assert torch.equal(again[n], expected)
        assert not torch.equal(again[n], first[n])


def test_masks_that_keep_another_number_are_scores():
    job, _lab = lab_of("sr-ste", sparsity=0.5)
    offered = {"l": torch.tensor([False, True, True, False])}
    assert job.again(offered, {"l": torch.tensor([True, False, False, False])})["l"].tolist() == [
        *(False, True, False, False)
    ]
