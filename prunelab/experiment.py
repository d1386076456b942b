"""Putting it together: run(spec) says what happens; prune(model, ...) prunes one's own model."""

from __future__ import annotations

import copy
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from prunelab import artefacts, run_network, run_tree
from prunelab.events import Cancelled, Event, Failed, Finished, Started, fold
from prunelab.files import forget_checkpoint
from prunelab.job import Job, prepare
from prunelab.manifest import manifest
from prunelab.masks import choose, removed
from prunelab.registry import METHODS, MODELS, UNITS
from prunelab.scoring import score
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import mark
from prunelab.subset import prune_examples
from prunelab.training import Diverged


def run(spec: RunSpec, *, files: Path | None = None, dense: Path | None = None) -> Iterator[Event]:
    """Run a spec: first Started, last Finished, Failed or Cancelled, whatever happens.

    Args:
        spec: what to run.
        files: folder for the model, the masks and ``run.json``; None keeps nothing. While a network
            trains its checkpoint is there too: after a break the same call goes on from it, tells
            again what it told before, and ends with the same numbers and files. A run on a tree is
            one piece, and begins again.
        dense: folder of dense models that runs share; None trains one's own.
    """
    start = time.perf_counter()
    events: list[Event] = []
    try:
        with one_thread():
            for event in _steps(spec, files, dense):
                events.append(event)
                yield event
    except (KeyboardInterrupt, GeneratorExit) as stop:
        if isinstance(stop, KeyboardInterrupt):
            yield Cancelled()
        raise
    except Exception as error:  # noqa: BLE001 - whatever a method does, a run ends with an event
        if not events:
            yield _bare(spec)
        yield _failed(error)
        return
    last = Finished(seconds=time.perf_counter() - start)
    if files:
        artefacts.save_result(files, fold([*events, last]))
    yield last
    if files:  # only now: whoever heard of the end has noted it
        forget_checkpoint(files)


def _steps(spec: RunSpec, files: Path | None, dense: Path | None) -> Iterator[Event]:
    job = prepare(spec)
    yield _started(job)
    network = "network" in MODELS[spec.model].traits
    steps = run_network.run_network(job, files, dense) if network else run_tree.run_tree(job, files)
    result = fold([])
    for event in steps:
        result = fold([event], result)
        yield event
    _exact(job, result.sparsity)


def prune(
    model: Any,
    method: str,
    sparsity: float,
    data: Any = None,
    *,
    scope: str = "",
    seed: int = 0,
    **knobs: Any,
) -> Any:
    """Prune a model of your own, or examples: a torch module, a fitted tree or forest, or (X, y).

    Returns a new model of the same kind; the given one is untouched. ``data`` is one example batch
    of inputs, where the method removes whole filters. Of a scikit-learn pipeline the last step is
    pruned; ``data`` is then as that step sees it. Of (X, y) it returns the rows that stay with
    their ``kept_indices``; ``data`` may then be the network or estimator that scores them.

    Raises:
        SpecError: an unknown method, one that does not fit the model, or one that must train.
        ValueError: a sparsity outside 0 <= sparsity < 1.
    """
    entry = METHODS[method]
    if isinstance(model, tuple):
        return prune_examples(model, method, sparsity, data, scope=scope, seed=seed, **knobs)
    if isinstance(steps := getattr(model, "steps", None), list):
        name, last = steps[-1]
        pipeline = copy.copy(model)
        small = prune(last, method, sparsity, data, scope=scope, seed=seed, **knobs)
        pipeline.steps = [*steps[:-1], (name, small)]
        return pipeline
    if "examples" in entry.units:
        raise SpecError(f"{method} keeps examples: give it (X, y), got {type(model).__name__}.")
    if entry.when != "trained" or entry.schedule != "one-shot":
        raise SpecError(f"{method} prunes while it trains; use pl.run(...) with it.")
    kind = "network" if isinstance(model, torch.nn.Module) else "tree"
    if hasattr(getattr(model, "estimators_", None), "shape"):  # a matrix of trees, stage by class
        kind = "boosting"
    if kind == "tree" and not hasattr(model, "tree_") and not hasattr(model, "estimators_"):
        raise SpecError(
            f"prune needs a torch module or a fitted scikit-learn tree or forest, got "
            f"{type(model).__name__}."
        )
    name = next((u for u in entry.units if kind in UNITS[u].needs), None)
    if name is None:
        raise SpecError(f"{method} does not prune a {kind}.")
    unit = UNITS[name].function()
    spec = RunSpec(method=method, sparsity=sparsity, seed=seed, knobs=knobs)
    scores = score(entry, unit, model, data, spec)
    floor, ties = int(UNITS[name].structured), entry.whole_ties
    mask = choose(scores, sparsity, scope or entry.scope, floor=floor, whole_ties=ties)
    return unit.keep(model, data, mask)


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread: the same numbers everywhere, and the fastest for small networks."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _started(job: Job) -> Started:
    network = "network" in MODELS[job.spec.model].traits
    return Started(
        key=job.spec.key,
        spec=job.spec.to_json(),
        settings=job.settings(),
        manifest=manifest(job),
        plan=run_network.plan(job) if network else {},
        unit=job.unit_entry.noun,
        of=0,
    )


def _bare(spec: RunSpec) -> Started:
    key, data = spec.key, spec.to_json()
    return Started(key=key, spec=data, settings={}, manifest={}, plan={}, unit="", of=0)


def _exact(job: Job, share: Any) -> None:
    """A run that did not remove what was asked has failed, never silently."""
    of = share["of"]
    gone, asked = round(share["achieved"] * of), removed(share["asked"], of)
    slack = len(job.spec.layers)  # each layer given by hand is rounded by itself
    if abs(gone - asked) > slack and not (job.method.whole_ties and gone > asked):
        raise RuntimeError(f"{asked} of {of} units should have gone, but {gone} did.")


def _failed(error: Exception) -> Failed:
    advice = {
        SpecError: mark("Change the setting it names."),
        Diverged: mark("Lower the learning rate, or use the adam optimizer."),
        MemoryError: mark("Choose a smaller model or a smaller batch."),
        OSError: mark("Free some disk space or choose another folder with PRUNELAB_HOME."),
    }
    found = next((text for kind, text in advice.items() if isinstance(error, kind)), "")
    reason = str(error) or type(error).__name__
    if not isinstance(error, tuple(advice)):
        reason = f"{type(error).__name__}: {reason}"
        found = mark("This looks like a mistake in the method or the model; the details are below.")
    return Failed(reason=reason, advice=found, traceback=traceback.format_exc())
