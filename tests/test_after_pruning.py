"""Recovering without plain training: normalisation anew, and learning from the dense network."""

import copy
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from prunelab import recover
from prunelab.after import BATCH, distillation, recalibrate
from prunelab.catalogue import describe, own_knobs, validate
from prunelab.events import fold
from prunelab.experiment import run
from prunelab.job import prepare
from prunelab.lab import Lab, put, state
from prunelab.spec import RunSpec, SpecError
from prunelab.training import Cover

SPEC = RunSpec(
    model="resnet-narrow", method="l1-filter", sparsity=0.5, epochs=3, recover_epochs=2,
    model_knobs={"width": 4},
)  # fmt: skip


@pytest.fixture(scope="module")
def runs():
    names = ("none", "recalibrate", "recalibrate-finetune", "finetune", "distill")
    return {name: fold(run(replace(SPEC, recover=name))) for name in names}


def test_statistics_are_the_mean_over_the_batches_of_what_arrives_now():
    job = prepare(SPEC)
    net = job.build().eval()
    before, weights = net.bn1.running_mean.clone(), copy.deepcopy(dict(net.named_parameters()))
    net.bn1.momentum = 0.3
    recalibrate(net, job.parts)
    x = torch.from_numpy(job.parts.train.x)
    with torch.no_grad():
        batches = [net.conv1(some) for some in x.split(BATCH)]
    wanted = torch.stack([b.mean((0, 2, 3)) for b in batches]).mean(0)
    assert torch.allclose(net.bn1.running_mean, wanted, atol=1e-5)
    spread = torch.stack([b.var((0, 2, 3)) for b in batches]).mean(0)
    assert torch.allclose(net.bn1.running_var, spread, rtol=1e-4)
    assert not torch.allclose(before, wanted, atol=1e-3)
    assert all(torch.equal(weights[n], p) for n, p in net.named_parameters())
    assert (net.bn1.momentum, net.bn2.momentum if hasattr(net, "bn2") else 0.1) == (0.3, 0.1)
    assert not any(module.training for module in net.modules())


def test_statistics_alone_bring_much_back(runs):
    none, anew = runs["none"], runs["recalibrate"]
    assert none.pruned["accuracy"] == anew.pruned["accuracy"]
    assert anew.recovered["accuracy"] > none.recovered["accuracy"] + 0.1
    assert len(anew.epochs) == len(none.epochs) == SPEC.epochs


def test_fine_tuning_begins_from_the_new_statistics(runs):
    after, plain = runs["recalibrate-finetune"], runs["finetune"]
    assert len(after.epochs) == len(plain.epochs) == SPEC.epochs + SPEC.recover_epochs
    assert after.epochs[-1].validation_loss != plain.epochs[-1].validation_loss


def test_distillation_by_hand():
    dense = torch.nn.Linear(2, 2)
    x, y = torch.randn(5, 2), torch.tensor([0, 1, 0, 1, 1])
    logits = torch.randn(5, 2)
    only = distillation(dense, teaching=0.0)
    assert torch.allclose(only(logits, (x, y)), cross_entropy(logits, y))
    taught = distillation(dense, teaching=1.0, temperature=3.0)
    assert float(taught(dense(x), (x, y)).detach()) == pytest.approx(0.0, abs=1e-6)
    p, q = (torch.softmax(v.detach() / 3, 1) for v in (dense(x), logits))
    wanted = 9 * (p * (p.log() - q.log())).sum(1).mean()
    assert float(taught(logits, (x, y))) == pytest.approx(float(wanted), rel=1e-5)
    half = distillation(dense, teaching=0.25, temperature=3.0)
    mixed = 0.75 * cross_entropy(logits, y) + 0.25 * wanted
    assert float(half(logits, (x, y))) == pytest.approx(float(mixed), rel=1e-5)


def test_the_dense_network_does_not_learn():
    dense = torch.nn.Linear(2, 2).train()
    logits = torch.randn(3, 2, requires_grad=True)
    distillation(dense)(logits, (torch.randn(3, 2), torch.tensor([0, 1, 1]))).backward()
    assert logits.grad is not None
    assert dense.weight.grad is None
    assert dense.training


def test_the_knobs_of_distillation_matter(runs):
    other = fold(run(replace(SPEC, recover="distill", knobs={"temperature": 1.0})))
    assert other.status == runs["distill"].status == "finished"
    assert other.epochs[-1].loss != runs["distill"].epochs[-1].loss
    plain = fold(run(replace(SPEC, recover="distill", knobs={"teaching": 0.0})))
    assert [e.loss for e in plain.epochs] == pytest.approx(
        [e.loss for e in runs["finetune"].epochs]
    )


def test_what_a_recovery_needs_is_said_before_anything_runs():
    known = describe()
    with pytest.raises(SpecError, match=r"recover must be one of .* for lenet-5"):
        validate(replace(SPEC, model="lenet-5", model_knobs={}, recover="recalibrate"), known)
    with pytest.raises(SpecError, match="distill is for a trained network, but snip prunes before"):
        validate(replace(SPEC, method="snip", recover="distill"), known)
    with pytest.raises(SpecError, match="no knob of the method l1-filter 'temperature'"):
        validate(replace(SPEC, knobs={"temperature": 2.0}), known)
    (kept,) = own_knobs([replace(SPEC, recover="distill", knobs={"temperature": 2.0})], known)
    assert kept.knobs == {"temperature": 2.0}


def test_distillation_needs_a_dense_network():
    job = prepare(replace(SPEC, recover="distill"))
    net = job.build()
    lab = Lab(net=net, first=state(net), mask={}, cover=Cover({}))
    put(job, lab, job.choose(net, 0.5).mask)
    with pytest.raises(RuntimeError, match="Distillation needs the dense network"):
        next(recover.recover(job, lab, 1))
