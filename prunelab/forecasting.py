"""Computes a forecast: ``python -m prunelab.forecasting ORDER FOLDER`` does it for the app."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from prunelab import aside, run_network, storage
from prunelab.cover import Cover
from prunelab.events import Epoch
from prunelab.experiment import one_thread
from prunelab.files import home
from prunelab.foresight import FILE, OWN, WAYS
from prunelab.job import Job, device, prepare
from prunelab.lab import Lab, state
from prunelab.masks import Masks, Scores, allocate, removed, select
from prunelab.paths import Live, live
from prunelab.scoring import asks, score
from prunelab.spec import RunSpec
from prunelab.speech import phrase

Tell = Callable[[str, float], None]
HALVINGS = 8  # of the interval that holds the cliff, where scores need no new computation
TRAINING = 0.4  # share of the progress bar


@dataclass(frozen=True)
class Outlook:
    """One method on one network: its scores, and what each sparsity would leave."""

    job: Job
    net: nn.Module
    floor: int
    known: Scores | None  # None where the scores depend on the sparsity

    def scores(self, sparsity: float) -> Scores:
        """Those the method would give."""
        return self.known or _score(self.job, self.net, sparsity)

    def mask(self, scores: Scores, sparsity: float, way: str) -> Masks:
        """What would stay, shared among the layers in a way."""
        scope = self.job.scope if way in (OWN, "floor") else way
        floor = max(int(self.job.structured), self.floor if way == "floor" else 0)
        keep = allocate(scores, sparsity, scope, floor=floor)
        return select(scores, keep, whole_ties=self.job.method.whole_ties)

    def live(self, scores: Scores, sparsity: float, way: str) -> Live:
        """The paths that would stay open."""
        job, mask = self.job, self.mask(scores, sparsity, way)
        cover = job.unit.cover(self.net, job.parts, mask) if job.unit.cover else {}
        return live(self.net, job.parts.shape, cover)


def compute(ordered: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """The rows of a forecast, as ``prunelab.foresight`` reads them.

    Raises:
        SpecError: a network in which paths are not defined.
    """
    with one_thread():
        return _compute(ordered, tell)


def _compute(ordered: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    base, methods = RunSpec.from_json(ordered["spec"]), ordered["methods"]
    jobs = {name: prepare(replace(base, method=name)) for name in methods}
    some = next(iter(jobs.values()))
    nets = {"init": some.build().to(device())}
    if any(_moment(job) == "trained" for job in jobs.values()):
        nets["trained"] = trained(some, tell)
    whole = live(nets["init"], some.parts.shape, {})
    told: dict[str, Any] = {"rows": [], "paths": [], "cliffs": {way: {} for way in WAYS}}
    for place, (name, job) in enumerate(jobs.items()):
        begun = TRAINING + (1 - TRAINING) * place / len(jobs)
        net = nets[_moment(job)]
        known = None if asks(job.method, "sparsity") else _score(job, net, 0.5)
        seen = Outlook(job, net, ordered["floor"], known)
        for step, sparsity in enumerate(_possible(ordered["sparsities"], seen)):
            share = step / len(ordered["sparsities"]) * (1 - TRAINING) / len(jobs)
            tell(f"Making the mask of {name} at {100 * sparsity:g} %", begun + share)
            _rows(told, name, seen, sparsity)
        _cliffs(told, name, seen)
    for row in told["paths"]:
        row["open"] = row["paths"] / whole.paths
    return {
        "methods": {name: _note(job) for name, job in jobs.items()},
        "sparsities": sorted({row["sparsity"] for row in told["paths"]}),
        "layers": whole.kept,
        "outputs": whole.of,
        "order": dict(ordered),
        **told,
    }


def _moment(job: Job) -> str:
    """The network a method would score first."""
    from_start = job.method.when == "training" and job.method.schedule == "one-shot"
    return "init" if from_start or job.method.when == "init" else "trained"


def _score(job: Job, net: nn.Module, sparsity: float) -> Scores:
    return score(job.method, job.unit, net, job.parts, replace(job.spec, sparsity=sparsity))


def _note(job: Job) -> str:
    if job.method.when == "training" and _moment(job) == "init":
        return "its first mask; it goes on choosing while it trains"
    if job.method.when == "training":
        return "as if it scored the trained network; it prunes bit by bit while training"
    if job.method.schedule != "one-shot":
        return "as if it pruned at once; its rounds retrain in between"
    return ""


def _possible(sparsities: list[float], seen: Outlook) -> list[float]:
    """Those that leave at least a unit."""
    units = sum(map(math.prod, seen.job.unit.shapes(seen.net, seen.job.parts).values()))
    return [s for s in sparsities if units - removed(s, units) >= 1]


def _rows(told: dict[str, Any], name: str, seen: Outlook, sparsity: float) -> None:
    scores = seen.scores(sparsity)
    for way in WAYS:
        found = seen.live(scores, sparsity, way)
        about = {"method": name, "way": way, "sparsity": sparsity}
        told["rows"] += [
            {**about, "layer": layer, "kept": kept, "live": found.live[layer]}
            for layer, kept in found.kept.items()
        ]
        told["paths"].append(
            {**about, "paths": found.paths, "outputs": found.outputs, "why": _broken(found)}
        )


def _broken(found: Live) -> str:
    """What is wrong with a masked network, in words; empty if every output can be reached."""
    empty = [layer for layer, kept in found.kept.items() if not kept]
    if empty:
        names = ", ".join(empty[:3])
        return phrase(f"{names} lose everything" if len(empty) > 1 else f"{names} loses everything")
    if found.outputs < found.of:
        return phrase(f"{found.of - found.outputs} of {found.of} outputs have no path")
    return ""


def _cliffs(told: dict[str, Any], name: str, seen: Outlook) -> None:
    """The first sparsity that breaks the network, closer where that costs no new scores."""
    for way in WAYS:
        rows = [r for r in told["paths"] if (r["method"], r["way"]) == (name, way)]
        first = next((place for place, row in enumerate(rows) if row["why"]), None)
        if first is None:
            told["cliffs"][way][name] = {"whole": rows[-1]["sparsity"], "broken": None, "why": ""}
            continue
        whole = rows[first - 1]["sparsity"] if first else 0.0
        broken, why = rows[first]["sparsity"], rows[first]["why"]
        for _ in range(HALVINGS if seen.known else 0):
            middle = 1 - ((1 - whole) * (1 - broken)) ** 0.5
            found = _broken(seen.live(seen.scores(middle), middle, way))
            whole, broken = (whole, middle) if found else (middle, broken)
            why = found or why
        told["cliffs"][way][name] = {"whole": whole, "broken": broken, "why": why}


def trained(job: Job, tell: Tell) -> nn.Module:
    """The trained network: the one runs share, or trained here for them."""
    net: nn.Module = job.build().to(device())
    lab = Lab(net=net, first=state(net), mask={}, cover=Cover({}))
    key, here = job.spec.dense_key, home()
    storage.borrow(here, key)
    for event in run_network.train_dense(job, lab, here / "files" / storage.DENSE):
        if isinstance(event, Epoch):
            tell(
                f"Training the dense network, epoch {event.epoch} of {event.epochs}",
                TRAINING * event.epoch / event.epochs,
            )
    storage.lend(here, key)
    return net


def main(ordered: Mapping[str, Any], folder: Path) -> int:
    """Write a forecast into a folder, and say how far it is."""
    return aside.respond(folder / FILE, "Loading PyTorch", lambda tell: compute(ordered, tell))


if __name__ == "__main__":
    aside.calm()
    sys.exit(main(json.loads(sys.argv[1]), Path(sys.argv[2])))
