"""Rules on how runs are made: one start, seeds, points, equal training, what is measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from prunelab.fair.case import Case, Entry, Said, are
from prunelab.spec import RunSpec
from prunelab.speech import _

SEEDS = 3
POINTS = 5
STOPS = (0.5, 0.75, 0.875, 0.9375, 0.96875)  # compression 2, 4, 8, 16, 32 (Blalock et al. 2020)
GENTLE = (0.1, 0.25, 0.4, 0.5, 0.625, 0.75)  # of filters: what is left shrinks with the square
SLACK = 0.005  # of sparsity, between methods
TRAINING = ("epochs", "lr", "batch_size", "optimizer", "device", "weights", "model_knobs")


def start(case: Case) -> Said:
    """One dense model and one split for each seed."""
    odd: list[Entry] = []
    fixed: list[RunSpec] = []
    for group in case.by(lambda e: (e.subject, e.spec.seed)).values():
        usual, _times = Counter(e.spec.dense_key for e in group).most_common(1)[0]
        like = next(e.spec for e in group if e.spec.dense_key == usual)
        for entry in group:
            if entry.spec.dense_key != usual:
                odd.append(entry)
                same: dict[str, Any] = {name: getattr(like, name) for name in TRAINING}
                fixed.append(replace(entry.spec, **same))
    splits = case.by(lambda e: e.subject)
    data = {s: {e.result.manifest.get("data") for e in group} for s, group in splits.items()}
    if odd:
        keys = tuple(e.key for e in odd)
        said = _("{runs} trained the dense model in another way than the others.", runs=are(odd))
        return Said(
            False, said, _("Run them from the model of the others."), case.absent(fixed), keys
        )
    if any(len(found) > 1 for found in data.values()):
        return Said(
            False, _("The data or their split changed between the runs."), _("Run all again.")
        )
    return Said(True, _("For each seed one dense model and one split serve all methods."))


def seeds(case: Case) -> Said:
    """Three seeds at every point."""
    wanted: list[RunSpec] = []
    few = 0
    for group in case.by(lambda e: (e.subject, e.series, e.at)).values():
        there = {e.spec.seed for e in group}
        if len(there) < SEEDS:
            few += 1
            free = [s for s in range(SEEDS + max(there) + 1) if s not in there]
            wanted += [replace(group[0].spec, seed=s) for s in free[: SEEDS - len(there)]]
    if not few:
        return Said(True, _("Every point has {seeds} seeds or more.", seeds=SEEDS))
    have = _("One point has") if few == 1 else _("{n} points have", n=few)
    said = _(
        "{have} fewer than {seeds} seeds: luck and merit look the same.", have=have, seeds=SEEDS
    )
    return Said(False, said, _("Add seeds."), case.absent(wanted))


def points(case: Case) -> Said:
    """Five sparsities on every line."""
    wanted: list[RunSpec] = []
    short = []
    for (_key, series), group in case.by(lambda e: (e.subject, e.series)).items():
        there = {e.at for e in group}
        if len(there) < POINTS:
            short.append(series)
            stops = GENTLE if group[0].structured else STOPS
            more = [s for s in stops if all(abs(s - t) > SLACK for t in there)]
            for stop in more[: POINTS - len(there)]:
                wanted += [replace(e.spec, sparsity=stop) for e in group if not e.spec.layers]
    if not short:
        return Said(True, _("Every line has {n} sparsities or more.", n=POINTS))
    said = _(
        "{lines}: fewer than {n} sparsities.",
        lines=", ".join(dict.fromkeys(short)), n=POINTS,
    )  # fmt: skip
    return Said(False, said, _("Add sparsities, also where it breaks."), case.absent(wanted))


def compute(case: Case) -> Said:
    """Parameters and multiply-adds (splits passed, for trees); speed is never derived from them."""
    bare = [e for e in case.pruned if not _sized(e)]
    if not bare:
        return Said(True, _("Parameters, bytes and multiply-adds (or splits passed) are there."))
    said = _("{runs} without both size and compute.", runs=are(bare))
    return Said(False, said, _("Run again with this version, which measures both."))


def _sized(entry: Entry) -> bool:
    after = entry.result.recovered
    return "nonzero" in after and ("macs" in after or "mean_path" in after)


def budget(case: Case) -> Said:
    """At one sparsity every method trains for the same number of epochs after the dense model."""
    shorter: list[Entry] = []
    longer: dict[str, RunSpec] = {}
    for group in case.by(lambda e: (e.subject, e.at, e.spec.seed)).values():
        own = [e for e in group if not e.control]
        most = max((e.budget for e in own), default=0)
        shorter += [e for e in own if e.budget < most]
        longer |= {
            e.key: spec
            for e in own
            if e.budget < most and (spec := _longer(case, e, most)) is not None
        }
    if not shorter:
        return Said(True, _("At each sparsity all methods train equally long after pruning."))
    names = ", ".join(dict.fromkeys(e.series for e in shorter))
    said = _("{names}: fewer epochs after pruning than the others.", names=names)
    todo = _("Run with the budget of the longest.")
    if len(longer) < len(shorter):
        todo = _("Set epochs by hand where a method trains in rounds or prunes while it trains.")
    return Said(False, said, todo, case.absent(longer.values()), tuple(longer))


def _longer(case: Case, entry: Entry, epochs: int) -> RunSpec | None:
    """The same run with a longer recovery, where one number says how long that is."""
    rounds = sum(phase != "dense" for phase in entry.result.plan)
    training = case.known["methods"][entry.spec.method]["when"] == "training"
    if not entry.network or training or rounds > 1:
        return None
    recover = entry.spec.recover if entry.budget else "finetune"
    return replace(entry.spec, recover_epochs=epochs, recover=recover)


def test(case: Case) -> Said:
    """What chose is not what is reported."""
    bare = [e for e in case.entries if not _validated(e)]
    if not bare:
        return Said(True, _("Every run has numbers of validation data, and of test data once."))
    said = _("{runs} with test data alone: what was chosen was chosen by them.", runs=are(bare))
    return Said(False, said, _("Run again; choose by validation data."))


def _validated(entry: Entry) -> bool:
    return {"accuracy", "validation_accuracy"} <= set(entry.result.recovered)


def achieved(case: Case) -> Said:
    """What was asked was got, alike by all."""
    apart = 0
    for group in case.by(lambda e: (e.subject, e.at, e.structured)).values():
        got = [float(e.result.sparsity.get("achieved") or 0.0) for e in group]
        apart += max(got) - min(got) > SLACK
    if not apart:
        return Said(True, _("At each point all methods removed as much."))
    said = _("At {n} points methods removed different shares.", n=apart)
    if apart == 1:
        said = _("At one point methods removed different shares.")
    return Said(False, said, _("Compare over compression or parameters instead."))


def pairs(case: Case) -> Said:
    """Every method shares three seeds with the random one at some sparsity."""
    wanted: list[RunSpec] = []
    for group in case.by(lambda e: (e.subject, e.at)).values():
        chance = {e.spec.seed: e for e in group if e.random and not e.control}
        for line in {e.series for e in group if not e.random and not e.control}:
            mine = {e.spec.seed for e in group if e.series == line}
            if chance and len(mine & set(chance)) < min(SEEDS, len(mine)):
                like = next(iter(chance.values())).spec
                wanted += [replace(like, seed=s) for s in sorted(mine - set(chance))]
    if not wanted:
        return Said(True, _("Methods can be compared seed by seed."))
    said = _("Methods and random pruning ran with different seeds.")
    return Said(False, said, _("Run random pruning with the same seeds."), case.absent(wanted))


def raw(case: Case) -> Said:
    """Every run names what it was made with, so that anyone can make it again."""
    bare = [e for e in case.entries if not {"seed", "data"} <= set(e.result.manifest)]
    if not bare:
        return Said(True, _("Each run names its seed, data and versions; all can be downloaded."))
    return Said(False, _("{runs} without seed, data or versions.", runs=are(bare)), _("Run again."))
