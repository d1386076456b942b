"""Rules on what must stand beside a method: dense, random, plain, from scratch, other data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prunelab.catalogue import fits, fits_data, with_baselines
from prunelab.controls import controls
from prunelab.fair.case import Case, Entry, Said, are
from prunelab.speech import _

PAIRS = 3
SUBJECTS = (
    *(("fashion-mnist", "lenet-5"), ("cifar-10", "resnet-20"), ("digits", "resnet-narrow")),
    *(("breast-cancer", "decision-tree"), ("wine", "decision-tree"), ("wine", "random-forest")),
    *(("breast-cancer", "gradient-boosting"), ("noisy-table", "random-forest")),
)
TOYS = ("mnist", "digits", "iris", "circles", "moons", "spirals")


def dense(case: Case) -> Said:
    """Every run has the numbers of its own dense model."""
    bare = [e for e in case.entries if "accuracy" not in e.result.dense]
    if not bare:
        return Said(True, _("Every run measured its own dense model."))
    fresh = [replace(e.spec, sparsity=0.0, layers={}) for e in bare]
    said = _("{runs} without the accuracy of the dense model.", runs=are(bare))
    return Said(False, said, _("Run the dense model with the same seeds."), case.absent(fresh))


def random(case: Case) -> Said:
    """Where a method removes, random pruning removes as much."""
    have = {(e.subject, e.at, e.spec.method) for e in case.pruned}
    lack = [
        e for e in case.own if not e.random and (e.subject, e.at, e.baseline) not in have
    ]  # fmt: skip
    if not lack:
        return Said(True, _("Random pruning stands beside every method."))
    wanted = with_baselines([e.spec for e in lack], case.known)
    names = ", ".join(sorted({e.spec.method for e in lack}))
    said = _("Nothing shows whether {names} does better than chance.", names=names)
    return Said(False, said, _("Add random pruning at the same sparsities."), case.absent(wanted))


def magnitude(case: Case) -> Said:
    """Networks: magnitude over all layers, and in every layer alike; filters: their L1 norm."""
    have = {(e.subject, e.at, e.spec.method, e.spec.scope or "global") for e in case.pruned}
    wanted = []
    for e in case.own:
        if not e.network or "examples" in case.known["methods"][e.spec.method]["units"]:
            continue
        name, scopes = ("l1-filter", ("",)) if e.structured else ("magnitude", ("", "uniform"))
        wanted += [
            replace(e.spec, method=name, scope=scope, knobs={})
            for scope in scopes
            if (e.subject, e.at, name, scope or "global") not in have
        ]
    if not wanted:
        return Said(True, _("The simplest score stands beside the others."))
    names = sorted({f"{s.method} {s.scope}".strip() for s in wanted})
    said = _("The simplest scores are not all there: {names}.", names=", ".join(names))
    return Said(False, said, _("Add them; they are hard to beat."), case.absent(wanted))


def scratch(case: Case) -> Said:
    """Where filters go, the small architecture is trained from new values, as long and twice."""
    have = {(e.subject, e.at, e.spec.seed, e.spec.method, e.spec.recover) for e in case.pruned}
    wanted = [
        control
        for e in case.own
        if e.structured and not e.random
        for control in controls(e.spec).values()
        if control.recover.startswith("scratch")
        and (e.subject, e.at, e.spec.seed, e.spec.method, control.recover) not in have
    ]
    if not any(e.structured for e in case.pruned):
        return Said(True, _("No method here makes a smaller architecture."))
    if not wanted:
        return Said(True, _("Each small architecture was trained from scratch too."))
    said = _("The small network may be all that matters, not what it inherits.")
    todo = _("Train each from scratch: for as many epochs, and for as many multiply-adds.")
    return Said(False, said, todo, case.absent(wanted))


def as_long(case: Case) -> Said:
    """The dense model, trained on for as long as the pruned ones."""
    nets = [e for e in case.own if e.network and not e.random and e.budget]
    have = {(e.subject, e.spec.seed) for e in case.entries if not e.at}
    lack = [e for e in nets if (e.subject, e.spec.seed) not in have]
    if not lack:
        return Said(True, _("The dense model had as much training, or none is needed."))
    longest: dict[tuple[str, int], Entry] = {}
    for e in sorted(lack, key=lambda e: e.budget):
        longest[e.subject, e.spec.seed] = e
    wanted = [controls(e.spec)["dense, trained as long"] for e in longest.values()]
    said = _("Pruned models train longer than the dense one they are compared with.")
    return Said(False, said, _("Train the dense model as long."), case.absent(wanted))


def subjects(case: Case) -> Said:
    """Three pairs of data and model, of which one is no toy."""
    groups = case.by(lambda e: (e.spec.data, e.spec.model))
    real = [pair for pair in groups if pair[0] not in TOYS]
    if len(groups) >= PAIRS and real:
        return Said(True, _("{n} pairs of data and model.", n=len(groups)))
    first = next(iter(groups.values()))
    more = [
        (data, model)
        for data, model in SUBJECTS
        if (data, model) not in groups and all(_fits(case, e, data, model) for e in first)
    ]
    clean: dict[str, Any] = {
        "data_knobs": {},
        "model_knobs": {},
        "epochs": None,
        "recover_epochs": None,
    }
    wanted = [
        replace(e.spec, data=data, model=model, layers={}, weights="", **clean)
        for data, model in more[: max(1, PAIRS - len(groups))]
        for e in first
    ]
    pairs = [_("{model} on {data}", model=model, data=data) for data, model in groups]
    said = _("Only {pairs}.", pairs=_(" and ").join(pairs))
    if not real:
        said = _(
            "Only {pairs}; such small data are a demonstration, no evidence.",
            pairs=_(" and ").join(pairs),
        )
    todo = _("Claim it for these alone, or repeat it on others.")
    return Said(False, said, todo, case.absent(wanted))


def _fits(case: Case, entry: Entry, data: str, model: str) -> bool:
    known = case.known
    if data not in known["datasets"] or model not in known["models"]:
        return False
    return not (fits(known, entry.spec.method, model) or fits_data(known, model, data))
