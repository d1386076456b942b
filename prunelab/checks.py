"""The laws: what every method must obey on every model it fits; ``prunelab check FILE.py``.

A law is a function of a prepared ``Case`` that raises ``Broken`` with the reason. A new method is
tested the moment its file exists.
"""

from __future__ import annotations

import copy
import functools
import importlib.util
import inspect
import math
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from prunelab import artefacts, checkpoint
from prunelab.case import Broken, Case, outputs, same, trace
from prunelab.catalogue import describe, fits, fits_data, validate
from prunelab.cover import Cover, apply
from prunelab.events import Finished, Measured, Pruned, Started, fold, to_json
from prunelab.experiment import one_thread, run
from prunelab.files import CHECKPOINT
from prunelab.job import prepare
from prunelab.masks import allocate, removed, select
from prunelab.probes import weights
from prunelab.registry import METHODS, MODELS
from prunelab.spec import RunSpec
from prunelab.training import fit
from prunelab.training_laws import (
    pruned_stays_pruned,
    pruning_nothing_trains_as_usual,
    training_goes_on_from_its_memory,
)

SPARSITIES = (0.0, 0.3, 0.5, 0.9, 0.97)
DATA = "digits"


class Verdict(NamedTuple):
    """One law on one method and model; ``reason`` is empty where it holds."""

    method: str
    model: str
    law: str
    reason: str


def counts_are_exact(case: Case) -> None:
    """What is removed is exactly what was asked, to the unit."""
    units = sum(map(math.prod, case.job.unit.shapes(case.model, case.job.parts).values()))
    for sparsity in SPARSITIES:
        if removed(sparsity, units) == units:
            continue  # nothing would be left of so few
        choice = case.job.choose(case.model, sparsity)
        gone = units - sum(int(mask.sum()) for mask in choice.mask.values())
        asked = removed(sparsity, units)
        if gone != asked and not (case.job.method.whole_ties and gone > asked):
            raise Broken(f"at {sparsity} {gone} of {units} units went, not {asked}")


def masks_have_the_shapes_of_the_units(case: Case) -> None:
    """One bool mask for each group of the unit, in its shape."""
    shapes = case.job.unit.shapes(case.model, case.job.parts)
    mask = case.job.choose(case.model, 0.5).mask
    found = {name: tuple(m.shape) for name, m in mask.items() if m.dtype == torch.bool}
    if found != shapes:
        raise Broken(f"expected bool masks of {shapes}, got {found}")


def scoring_leaves_no_trace(case: Case) -> None:
    """Weights, gradients, buffers, mode and random numbers are as before."""
    before = trace(case)
    case.job.choose(case.model, 0.5)
    if not same(before, trace(case)):
        raise Broken("scoring changed the model, its gradients or the random numbers")


def scoring_repeats(case: Case) -> None:
    """The same model and seed give the same mask."""
    first, second = (case.job.choose(case.model, 0.5).mask for _ in range(2))
    if not same(first, second):
        raise Broken("two calls chose different masks")


def scoring_ignores_the_mode(case: Case) -> None:
    """A network in training mode gives the same mask as one in evaluation mode."""
    if not case.network:
        return
    modes = (copy.deepcopy(case.model).train(), copy.deepcopy(case.model).eval())
    first, second = (case.job.choose(model, 0.5).mask for model in modes)
    if not same(first, second):
        raise Broken("the mask depends on the mode the network was found in")


def more_sparsity_keeps_a_subset(case: Case) -> None:
    """From one set of scores, what stays at a higher sparsity also stays at a lower one."""
    scores = case.job.choose(case.model, 0.5).scores
    whole = case.job.method.whole_ties
    masks = [
        select(scores, allocate(scores, s, case.job.scope), whole_ties=whole) for s in (0.4, 0.8)
    ]
    if any(bool((masks[1][name] & ~masks[0][name]).any()) for name in scores):
        raise Broken("a unit stays at 80 % that went at 40 %")


def nothing_removed_changes_nothing(case: Case) -> None:
    """At sparsity 0 the outputs are those of the dense model, and the given model is untouched."""
    before = outputs(case, case.model)
    choice = case.job.choose(case.model, 0.0)
    kept = case.job.unit.keep(case.model, case.job.parts, choice.mask)
    if case.job.examples:
        if not np.array_equal(kept.train.x, case.job.parts.train.x):
            raise Broken("removing nothing changed the examples")
        return
    if not np.array_equal(before, outputs(case, kept)):
        raise Broken("removing nothing changed the outputs")


def removing_is_masking(case: Case) -> None:
    """A model without its units answers as the same model with those units at zero."""
    if not case.network or not case.job.unit.cover:
        return
    choice = case.job.choose(case.model, 0.5)
    masked = copy.deepcopy(case.model)
    apply(masked, Cover(case.job.unit.cover(masked, case.job.parts, choice.mask)))
    small = case.job.unit.keep(case.model, case.job.parts, choice.mask)
    worst = float(np.abs(outputs(case, masked) - outputs(case, small)).max())
    if worst > 1e-5:
        raise Broken(f"masked and removed differ by {worst:.2g}")
    if case.job.structured and _parameters(small) >= _parameters(masked):
        raise Broken("the network did not become smaller")


def a_run_is_whole(case: Case) -> None:
    """Started first, Finished last, every stage measured, the test part touched once, all exact."""
    events = case.events
    if not isinstance(events[0], Started) or not isinstance(events[-1], Finished):
        raise Broken(f"ended with {events[-1]}")
    tested = [e.stage for e in events if isinstance(e, Measured) and e.part == "test"]
    if tested != ["dense", "pruned", "recovered"]:
        raise Broken(f"the test part was measured for {tested}")
    first = next(i for i, e in enumerate(events) if isinstance(e, Measured) and e.part == "test")
    if any(isinstance(e, Pruned) for e in events[first:]):
        raise Broken("something was chosen after the test part was seen")


def a_run_repeats(case: Case) -> None:
    """The same spec gives the same numbers, bit for bit, apart from what was timed."""
    again = case.stopped if case.network else list(run(case.job.spec))
    first, second = fold(case.events[: len(again)]), fold(again)
    for one, two in zip(_numbers(first), _numbers(second), strict=True):
        if one != two:
            raise Broken(f"{one} became {two}")


def a_run_goes_on_where_it_was_stopped(case: Case) -> None:
    """Stopped after its last epoch and run again, it says the same, bit for bit."""
    if not case.network:
        return
    case.stopped  # noqa: B018 - it has run
    with tempfile.TemporaryDirectory() as folder, checkpoint.eager():
        files = shutil.copytree(case.home / "stopped", Path(folder) / "again")
        if not (files / CHECKPOINT).exists():
            raise Broken("it kept no checkpoint")
        again = fold(run(case.job.spec, files=files))
    if _numbers(again) != _numbers(fold(case.events)):
        raise Broken("a run that was stopped ended otherwise than one that was not")


def a_saved_model_loads_equal(case: Case) -> None:
    """What a run leaves on disk loads without pickle to bit-equal outputs."""
    events, folder = case.events, case.home / "whole"
    model, again = (artefacts.load_model(folder) for _ in range(2))
    if not np.array_equal(outputs(case, model), outputs(case, again)):
        raise Broken("two loads differ")
    _zeros_are_those_of_the_mask(case, model)
    part = case.job.parts.test_once()
    accuracy = float((outputs(case, model, part.x).argmax(1) == part.y).mean())
    told = fold(events).recovered["accuracy"]
    if abs(accuracy - told) > 1e-9:
        raise Broken(f"the loaded model scores {accuracy}, the run said {told}")


def _zeros_are_those_of_the_mask(case: Case, model: Any) -> None:
    if not case.network or case.job.structured or case.job.examples:
        return
    masks = load_file(case.home / "whole" / artefacts.MASKS)
    for name, weight in weights(model).items():
        if weight[~masks[name].bool()].count_nonzero():
            raise Broken(f"the saved {name} holds values where its mask has none")


LAWS: dict[str, Callable[[Case], None]] = {
    law.__name__.replace("_", " "): law
    for law in (
        counts_are_exact,
        masks_have_the_shapes_of_the_units,
        scoring_leaves_no_trace,
        scoring_repeats,
        scoring_ignores_the_mode,
        more_sparsity_keeps_a_subset,
        nothing_removed_changes_nothing,
        removing_is_masking,
        pruned_stays_pruned,
        pruning_nothing_trains_as_usual,
        training_goes_on_from_its_memory,
        a_run_is_whole,
        a_run_repeats,
        a_run_goes_on_where_it_was_stopped,
        a_saved_model_loads_equal,
    )
}


def subjects(method: str) -> list[str]:
    """The models small enough for the laws that a method fits."""
    known = describe()
    small = METHODS[method].subjects or [name for name in MODELS if MODELS[name].small]
    return [m for m in small if not fits(known, method, m) and not fits_data(known, m, DATA)]


@functools.cache
def case(method: str, model: str) -> Case:
    """The model trained for one epoch on digits, ready to be pruned by the method."""
    epochs = 1 if "network" in MODELS[model].traits else None
    spec = RunSpec(data=DATA, model=model, method=method, sparsity=0.5)
    job = prepare(replace(spec, epochs=epochs, recover_epochs=epochs))
    built = job.build()
    if isinstance(built, nn.Module):
        recipe = replace(job.recipe, epochs=1)
        for _ in fit(built, job.parts, recipe, phase="dense", seed=0, cover=Cover({})):
            pass
        return Case(job, built.eval())
    train = job.parts.train
    return Case(
        job, built.set_params(random_state=0).fit(train.x.reshape(len(train.x), -1), train.y)
    )


def check(method: str, model: str | None = None) -> Iterator[Verdict]:
    """Every law on a method, with one model or with every small one it fits.

    Raises:
        SpecError: a model that is unknown or that the method does not fit.
    """
    if model:
        validate(RunSpec(data=DATA, model=model, method=method), describe())
    for subject in [model] if model else subjects(method):
        for name, law in LAWS.items():
            reason = ""
            try:
                with one_thread():
                    law(case(method, subject))
            except Exception as error:  # noqa: BLE001 - a method may fail in any way; all laws run
                reason = (
                    f"{error}" if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
                )
            yield Verdict(method, subject, name, reason)


def methods_in(path: Path) -> list[str]:
    """Import a file of one's own and name the methods it registers.

    Raises:
        ValueError: not a Python file, or it registers no method.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.exists():
        raise ValueError(f"FILE must be a Python file that exists, got {path}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    found = [n for n in METHODS if inspect.getmodule(METHODS[n].function) is module]
    if not found:
        raise ValueError(f"{path} registers no method; decorate a function with @method(...).")
    return found


def _numbers(result: Any) -> list[Any]:
    """All that a run says, without what was timed."""
    timed = ("latency_ms", "single_ms")
    stages = [
        {k: v for k, v in getattr(result, s).items() if k not in timed}
        for s in ("dense", "pruned", "recovered")
    ]
    epochs = [to_json(e) for e in result.epochs]
    masks = [to_json(e) for e in result.masks]
    return [*stages, *epochs, *masks, *[to_json(h) for h in result.histograms.values()]]


def _parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())
