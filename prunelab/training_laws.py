"""The laws of training: zeros stay, nothing pruned changes nothing, a break changes nothing."""

from __future__ import annotations

import copy
from dataclasses import replace

from torch import nn

from prunelab.case import Broken, Case, same
from prunelab.course import Memory
from prunelab.cover import Cover, zeros_kept
from prunelab.events import Epoch
from prunelab.job import Job
from prunelab.lab import Lab, put, state
from prunelab.learn import train_and_prune
from prunelab.training import Learner, fit


def pruned_stays_pruned(case: Case) -> None:
    """No optimiser, momentum or weight decay brings a pruned weight back."""
    if not case.network or not case.job.unit.cover:
        return
    mask = case.job.choose(case.model, 0.9).mask
    for optimizer, lr in (("sgd", 0.05), ("adam", 1e-3)):
        net = copy.deepcopy(case.model)
        cover = Cover(case.job.unit.cover(net, case.job.parts, mask))
        recipe = replace(case.job.recipe, epochs=1, optimizer=optimizer, lr=lr)
        for _ in fit(net, case.job.parts, recipe, phase="law", seed=0, cover=cover):
            if not zeros_kept(net, cover):
                raise Broken(f"weights came back under {optimizer}")


def pruning_nothing_trains_as_usual(case: Case) -> None:
    """At sparsity 0 training is that of the dense network, bit for bit."""
    if case.job.method.when != "training":
        return
    job = _at_nothing(case.job)
    lab, plain = _lab(job, case.model), copy.deepcopy(case.model)
    _run(job, lab)
    for _ in fit(plain, job.parts, job.train, phase="train", seed=0, cover=Cover({})):
        pass
    if not same(lab.net.state_dict(), plain.state_dict()):
        raise Broken("training with nothing pruned differs from plain training")


def training_goes_on_from_its_memory(case: Case) -> None:
    """A method that learns while training keeps all its state in its memory, for a checkpoint."""
    if case.job.method.when != "training":
        return
    recipe = replace(case.job.train, epochs=2, optimizer="sgd", lr=0.02, momentum=0.0)
    job = replace(case.job, train=recipe)
    whole, again = _lab(job, case.model), _after_a_break(job, case.model)
    _run(job, whole)
    _run(job, again)
    if not same(whole.net.state_dict(), again.net.state_dict()):
        raise Broken("training that went on after a break ended elsewhere")
    if not same(whole.mask, again.mask):
        raise Broken("training that went on after a break chose another mask")


def _after_a_break(job: Job, net: nn.Module) -> Lab:
    """Everything anew after the first epoch, but for the network, the mask and the memory."""
    first = _lab(job, net)
    for event in train_and_prune(job, first):
        if isinstance(event, Epoch):
            break
    memory = Memory()
    memory.load(first.learner.memory.state())
    again = _lab(job, first.net)
    again.learner = Learner(begin=1, memory=memory)
    again.cover.latent = job.method.latent
    if first.mask:
        put(job, again, first.mask)
    return again


def _at_nothing(job: Job) -> Job:
    steps = dict.fromkeys(job.steps, 0.0) if isinstance(job.steps, dict) else (0.0,)
    spec = replace(job.spec, sparsity=0.0)
    return replace(job, spec=spec, steps=steps, train=replace(job.train, epochs=2))


def _run(job: Job, lab: Lab) -> None:
    for _ in train_and_prune(job, lab):
        pass


def _lab(job: Job, net: nn.Module) -> Lab:
    net = copy.deepcopy(net)
    return Lab(net=net, first=state(net), mask={}, cover=Cover({}))
