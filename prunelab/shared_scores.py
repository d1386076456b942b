"""Scores that take long are worked out once, for all runs that score the same model alike.

Runs of a sweep that differ in sparsity, scope or recovery rank by the same numbers; scoring by ten
trainings need not train ten networks for each of them. What a scoring told is told again. They lie
beside the dense models, and go with them where there are too many.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from prunelab.checkpoint import identity
from prunelab.events import Event, from_json, to_json
from prunelab.job import Job, Rated
from prunelab.manifest import manifest
from prunelab.registry import MODELS
from prunelab.scoring import asks
from prunelab.sealed import Held, checksum, read, write

LONG = 0.1  # seconds: less is not worth a file,
RATE = 10_000_000  # nor are more bytes a second, which a disk hardly reads sooner
# What a run says of how many units stay, and of what becomes of them then.
AFTER = {
    *("sparsity", "layers", "scope", "floor", "budget", "round_to"),
    *("recover", "recover_epochs", "together"),
}

Scoring = Generator[Event, None, Rated]


def scoring(job: Job, model: Any, sparsity: float) -> Scoring:
    """Watch the trainings a method wants to see, and score."""
    watched = (yield from job.watch(job.parts)) if job.watch else []
    return job.rate(model, sparsity, watched)


def once(job: Job, model: Any, steps: Scoring, folder: Path | None) -> Scoring:
    """What the steps tell and find, or what they told and found before.

    Args:
        job: of the run.
        model: that is scored, as it is now.
        steps: the scoring, not begun.
        folder: of the dense models that runs share; None where nothing is shared.
    """
    if folder is None or not isinstance(model, torch.nn.Module):
        return (yield from steps)
    whose = _whose(job, model)
    path = folder / f"scores-{whose[:16]}" / "scores.safetensors"
    if kept := _kept(path, whose):
        yield from map(from_json, kept.about["told"])
        return Rated(kept.tensors, tuple(kept.about["notes"]))
    told, begun = list[Event](), time.perf_counter()
    rated = yield from _noted(steps, told)
    taken = time.perf_counter() - begun
    if taken > LONG and sum(s.nbytes for s in rated.scores.values()) < taken * RATE:
        about = {"told": list(map(to_json, told)), "notes": rated.notes}
        with contextlib.suppress(OSError, SafetensorError):  # no room: a later run works anew
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, whose, Held(dict(rated.scores), about))
    return rated


def _noted(steps: Scoring, told: list[Event]) -> Scoring:
    """The steps, what they tell being noted."""
    while True:
        try:
            event = next(steps)
        except StopIteration as end:
            rated: Rated = end.value
            return rated
        told.append(event)
        yield event


def _whose(job: Job, model: torch.nn.Module) -> str:
    """Tells scorings apart: by method, knobs, data, and the values of the model."""
    by_sparsity = asks(job.method, "sparsity")
    facts = {
        name: value
        for name, value in (job.spec.to_json() | manifest(job)).items()
        if name not in AFTER or (name == "sparsity" and by_sparsity)
    }
    code = (job.method.function, MODELS[job.spec.model].function)
    return identity(facts, job.method.name, checksum(model.state_dict(), ""), code=code)


def _kept(path: Path, whose: str) -> Held | None:
    try:
        return read(path, whose)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None  # then it is worked out again
