"""A job and a network at its first values, for tests of methods that train."""

from __future__ import annotations

from prunelab.cover import Cover
from prunelab.job import prepare
from prunelab.lab import Lab, state
from prunelab.learn import train_and_prune
from prunelab.spec import RunSpec


def lab_of(method, sparsity=0.9, epochs=3, seed=0, **knobs):
    spec = RunSpec(method=method, sparsity=sparsity, epochs=epochs, seed=seed, knobs=knobs)
    job = prepare(spec)
    net = job.build()
    return job, Lab(net=net, first=state(net), mask={}, cover=Cover({}))


def train(job, lab):
    return list(train_and_prune(job, lab))
