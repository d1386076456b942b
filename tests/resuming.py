"""What the tests of going on share: runs of every kind, stopped, and compared to the last bit."""

from __future__ import annotations

import itertools

from prunelab.checks import _numbers
from prunelab.events import fold
from prunelab.experiment import run
from prunelab.files import CHECKPOINT
from prunelab.registry import METHODS
from prunelab.spec import RunSpec

SHORT = {"epochs": 3, "recover_epochs": 2}
SPECS = {
    "finetune": RunSpec(**SHORT),
    "adam": RunSpec(optimizer="adam", lr=1e-3, **SHORT),
    "rounds": RunSpec(method="iterative-magnitude", knobs={"rounds": 3}, **SHORT),
    "late rewinding": RunSpec(
        method="lottery-ticket", sparsity=0.5, knobs={"rewind_epoch": 2, "rate": 0.4}, epochs=4
    ),
    "shuffle": RunSpec(recover="shuffle", **SHORT),
    "scratch-b": RunSpec(recover="scratch-b", **SHORT),
    "fewer examples": RunSpec(
        model="mlp",
        examples_method="el2n",
        examples_sparsity=0.5,
        examples_knobs={"runs": 1},
        **SHORT,
    ),
    "before training": RunSpec(method="snip", **SHORT),
    "filters, batch norm": RunSpec(model="vgg-small", method="l1-filter", sparsity=0.5, **SHORT),
    "shortcuts": RunSpec(model="resnet-narrow", method="l1-filter", sparsity=0.5, **SHORT),
    **{
        method: RunSpec(
            model=(entry.subjects or ("lenet-300-100",))[0],
            method=method,
            sparsity=0.5,
            recover="finetune",
            **SHORT,
        )
        for method, entry in METHODS.items()
        if entry.when == "training"
    },
}


def stopped(spec, files, after):
    """What a run says up to a number of events, at which it is stopped."""
    going = run(spec, files=files)
    seen = list(itertools.islice(going, after))
    going.close()
    return seen


def the_same(one, other, folders):
    assert _numbers(fold(one)) == _numbers(fold(other))
    assert [type(e) for e in one] == [type(e) for e in other]
    assert (fold(one).frames, fold(one).moved) == (fold(other).frames, fold(other).moved)
    for name in ("model", "dense", "masks"):
        first, second = ((f / f"{name}.safetensors").read_bytes() for f in folders)
        assert first == second, name
    assert not any((f / CHECKPOINT).exists() for f in folders)
