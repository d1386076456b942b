"""Asks every method about the units of a run: ``python -m prunelab.reasoning ORDER FOLDER``.

Each scores the same network (or tree) with its usual settings and keeps as many units as the run;
methods that prune before training look at the first values, as they would.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from prunelab import aside
from prunelab.catalogue import describe
from prunelab.experiment import one_thread
from prunelab.forecasting import Tell, trained
from prunelab.job import Choice, Job, device, prepare
from prunelab.masks import Masks, Scores
from prunelab.rating.watching import Watched, seen
from prunelab.reasons import FILE, Reasons, peers, write
from prunelab.registry import MODELS
from prunelab.run_tree import dense_tree
from prunelab.spec import RunSpec
from prunelab.speech import phrase

TRAINED = 0.4  # of the whole work, when the network is there


def compute(ordered: Mapping[str, Any], folder: Path, tell: Tell) -> tuple[str, ...]:
    """Write what every method chooses into a folder; returns notes on those that cannot.

    Raises:
        SpecError: a spec that cannot run.
    """
    spec = RunSpec.from_json(ordered["spec"])
    with one_thread():
        job = prepare(spec)
        found, notes = choices(job, functools.cache(lambda when: _model(job, when, tell)), tell)
    own = found.get(spec.method)
    kept = {name: _flat(choice.mask, bool) for name, choice in found.items()}
    scores = _flat(own.scores, np.float32) if own else {}
    whole = job.scope == "global" and not spec.layers
    write(folder / FILE, Reasons(spec.method, job.method.label, whole, scores, kept))
    return notes


def choices(
    job: Job, model: Callable[[str], Any], tell: Tell
) -> tuple[dict[str, Choice], tuple[str, ...]]:
    """What each method chooses at the sparsity of a job, and why some cannot.

    ``model`` gives the network to score by when the method does so: "init" or "trained".
    """
    found: dict[str, Choice] = {}
    notes: list[str] = []
    watched: dict[tuple[Any, ...], list[Watched]] = {}
    names, sparsity = peers(describe(), job.spec), job.spec.sparsity
    for number, name in enumerate(names):
        tell(f"Asking the method {name}", TRAINED + (1 - TRAINED) * number / len(names))
        try:
            one = job if name == job.spec.method else _as(job, name, sparsity)
            found[name] = one.choose(
                model(one.method.when), one.spec.sparsity, None, _seen(one, watched)
            )
        except Exception as error:  # noqa: BLE001 - one method's trouble says nothing of the others
            notes.append(phrase(f"{name} cannot say: {error}"))
            continue
        if one is job:
            masks = found[name].mask.values()
            sparsity = 1 - sum(int(m.sum()) for m in masks) / sum(m.numel() for m in masks)
    return found, tuple(notes)


def _as(job: Job, method: str, sparsity: float) -> Job:
    """The same with another method, as it is usually set."""
    plain = replace(job.spec, knobs={}, recover="", recover_epochs=None, budget="", round_to=1)
    return prepare(replace(plain, method=method, sparsity=round(sparsity, 9)))


def _seen(job: Job, before: dict[tuple[Any, ...], list[Watched]]) -> list[Watched]:
    """The trainings a method wants to see; those that another one saw are not done again."""
    if not job.watch:
        return []
    key = (job.watch.kind, job.watch.runs, job.watch.share)
    if key not in before:
        before[key] = seen(job.watch(job.parts))
    return before[key]


def _model(job: Job, when: str, tell: Tell) -> Any:
    if "network" not in MODELS[job.spec.model].traits:
        return dense_tree(job)
    if when == "init":
        return job.build().to(device())
    net = trained(job, lambda words, share: tell(words, share * TRAINED))
    return net.eval()


def _flat(groups: Masks | Scores, kind: Any) -> dict[str, Any]:
    return {name: groups[name].detach().cpu().numpy().ravel().astype(kind) for name in groups}


def main(ordered: Mapping[str, Any], folder: Path) -> int:
    """Ask, and say how far it is."""
    return aside.work(folder, "Loading PyTorch", lambda tell: compute(ordered, folder, tell))


if __name__ == "__main__":
    aside.calm()
    sys.exit(main(json.loads(sys.argv[1]), Path(sys.argv[2])))
