"""A network layer by layer: what its units score and cost, and how much each layer bears to lose.

Another process looks inside the network once (``prunelab.structuring``); what it leaves is read
here, and every allocation is computed from it at once.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prunelab import aside
from prunelab.bearing import Accuracies, bearable
from prunelab.catalogue import catalogue, unit_of, validate
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import mark, phrase
from prunelab.why import Why, explain

FORMAT = 1  # of the files; another number looks anew
STUDY, SCAN, PICTURES = "study.json", "scan.json", "pictures.npz"
PEERS = "peers.json"  # the scores of every other method
SHIPPED = Path(__file__).parent / "examples" / "structures"
KINDS = ("filters", "heads")  # units that each layer has many of
WAYS = {
    "uniform": "the same share of every layer",
    "global": "one ranking over all layers",
    "sensitivity": "less from layers that bear less",
    "hand": "as you drag the bars",
}
Keep = Mapping[str, int]
Peers = Mapping[str, Mapping[str, NDArray[np.float64]]]
T = TypeVar("T")


class Cost(NamedTuple):
    """Parameters, and multiply-adds for one example."""

    params: int
    macs: int


@dataclass(frozen=True)
class Scan:
    """Accuracies on the validation part with one layer pruned at a time."""

    dense: float
    accuracies: Accuracies


@dataclass(frozen=True)
class Study:
    """What was found inside a network: plain rows."""

    told: Mapping[str, Any]

    @property
    def noun(self) -> str:
        """What goes: filters, heads."""
        return str(self.told["noun"])

    @property
    def sizes(self) -> dict[str, int]:
        """Units of each group of layers, from the input on."""
        return {group["name"]: len(group["scores"]) for group in self.told["groups"]}

    @property
    def scores(self) -> dict[str, NDArray[np.float64]]:
        """The score of each unit; higher stays."""
        return {g["name"]: np.array(g["scores"], float) for g in self.told["groups"]}

    @property
    def fixed(self) -> pd.DataFrame:
        """What cannot go, and why: it would change the answers, or the network would not run."""
        rows = [
            {"layer": layer, "what": what, "why": why}
            for kind, what in (("inexact", "would change answers"), ("frozen", "cannot go"))
            for layer, why in self.told.get(kind, {}).items()
        ]
        return pd.DataFrame(rows, columns=["layer", "what", "why"])

    def keep(self, way: str, sparsity: float, scan: Scan | None = None) -> dict[str, int]:
        """How many units each group keeps when so large a share of all goes; at least one.

        Raises:
            SpecError: an unknown way, or one that needs a scan that is not there.
        """
        if not 0 <= sparsity < 1:
            raise SpecError(f"sparsity must be at least 0 and below 1, got {sparsity}.")
        if way == "uniform":
            return self.counts(dict.fromkeys(self.sizes, sparsity))
        if way == "global":
            return self._ranked(sparsity)
        if way == "sensitivity" and scan:
            return self.counts(bearable(scan.dense, scan.accuracies, self.sizes, sparsity))
        if way == "sensitivity":
            raise SpecError("How much each layer bears is not known yet; wait for the scan.")
        raise SpecError(f"way must be uniform, global or sensitivity, got {way!r}.")

    def counts(self, shares: Mapping[str, float]) -> dict[str, int]:
        """Units that stay where a share of each group goes."""
        return {
            name: max(1, n - math.floor(shares.get(name, 0.0) * n + 0.5))
            for name, n in self.sizes.items()
        }

    def stays(self, keep: Keep) -> dict[str, NDArray[np.bool_]]:
        """Which units those are: the highest scores, the first of equal ones."""
        return {name: highest(scores, keep[name]) for name, scores in self.scores.items()}

    def why(self, layer: str, unit: int, keep: Keep, peers: Peers) -> Why:
        """Why a unit stays or goes when each layer keeps so many; each method ranks by itself."""
        keeps = {n: bool(highest(s[layer], keep[layer])[unit]) for n, s in peers.items()}
        return explain(self.scores[layer], self.stays(keep)[layer], unit, keeps)

    def cost(self, keep: Keep) -> Cost:
        """Of the network that keeps so many units."""
        table = self.layers(keep)
        return Cost(int(table["params"].sum()), int(table["macs"].sum()))

    def layers(self, keep: Keep) -> pd.DataFrame:
        """One row a layer: its outputs, parameters and multiply-adds, before and after."""
        rows: dict[str, dict[str, Any]] = {}
        for cost in self.told["costs"]:
            row = rows.setdefault(
                cost["layer"],
                dict.fromkeys(("outputs", "outputs_before"), 0)
                | dict.fromkeys(("params", "params_before", "macs", "macs_before"), 0),
            )
            for suffix, kept in (("", keep), ("_before", self.sizes)):
                sides = [f + sum(per * kept[g] for g, per in of.items()) for f, of in cost["dims"]]
                row[f"params{suffix}"] += round(math.prod(sides)) if cost["params"] else 0
                row[f"macs{suffix}"] += round(cost["times"] * math.prod(sides))
                if cost["out"] is not None:
                    row[f"outputs{suffix}"] = round(sides[cost["out"]])
        return pd.DataFrame([{"layer": name, **row} for name, row in rows.items()])

    def shares(self, keep: Keep) -> dict[str, float]:
        """The sparsity of each layer, as ``layers`` of a run takes it."""
        return {name: 1 - keep[name] / n for name, n in self.sizes.items()}

    def spec(self, keep: Keep) -> RunSpec:
        """The run that removes these units, trains what is left, and measures."""
        base, total = RunSpec.from_json(self.told["spec"]), sum(self.sizes.values())
        gone = 1 - sum(keep.values()) / total
        told = base.to_json() | {"layers": self.shares(keep), "sparsity": round(gone, 6)}
        return RunSpec.from_json(told)

    def _ranked(self, sparsity: float) -> dict[str, int]:
        """One ranking: the lowest scores of all go, but the best of each group stays."""
        ranked = sorted(
            (score, -place, name)
            for name, scores in self.scores.items()
            for place, score in enumerate(np.sort(scores)[:-1])
        )
        total = sum(self.sizes.values())
        keep = dict(self.sizes)
        for _, _, name in ranked[: math.floor(sparsity * total + 0.5)]:
            keep[name] -= 1
        return keep


def highest(scores: NDArray[np.float64], keep: int) -> NDArray[np.bool_]:
    """Which units have the ``keep`` highest scores, the first of equal ones.

    >>> highest(np.array([1.0, 3.0, 3.0]), 1).tolist()
    [False, True, False]
    """
    mask = np.zeros(len(scores), bool)
    mask[np.argsort(-scores, kind="stable")[:keep]] = True
    return mask


def unsuited(known: Mapping[str, Any], method: str, model: str) -> str:
    """Why a method cannot be looked at like this, as a sentence; empty if it can."""
    entry, unit = known["methods"][method], unit_of(known, method, model)
    if unit not in KINDS:
        noun = known["units"][unit]["noun"] if unit else mark("nothing")
        return phrase(f"{method} removes {noun} of {model}.")
    once = entry["when"] == "trained" and entry["schedule"] == "one-shot"
    return "" if once else phrase(f"{method} chooses while the network trains.")


def order(base: RunSpec) -> dict[str, Any]:
    """What to look at, as plain data, checked.

    Raises:
        SpecError: a spec that cannot run, or a method that scores no trained network once.
    """
    known = catalogue()
    plain = RunSpec.from_json({**base.to_json(), "sparsity": 0.5, "layers": {}})
    validate(plain, known)
    if why := unsuited(known, plain.method, plain.model):
        raise SpecError(f"This cannot be looked at layer by layer: {why}")
    return {"format": FORMAT, "spec": plain.to_json()}


def place(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """Where a study is or will be; one came with PruneLab."""
    return aside.place("structures", ordered, home, SHIPPED)


def start(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """Begin to look in another process, unless that goes on or is done.

    Raises:
        SpecError: the process cannot start or the folder cannot be written.
    """
    folder = place(ordered, home)
    return aside.order(folder, "prunelab.structuring", [json.dumps(ordered)], home, "study")


def look(
    base: RunSpec, folder: Path, progress: Callable[[str, float], None] | None = None
) -> Study:
    """Look inside a network here and now, and leave everything in a folder.

    Raises:
        SpecError: as ``order``.
    """
    from prunelab.structuring import compute  # brings torch

    folder.mkdir(parents=True, exist_ok=True)
    compute(order(base), folder, progress or (lambda *_: None))
    found = read(folder)
    if found is None:
        raise SpecError(f"There is no study in {folder.name}.")
    return found


def read(folder: Path) -> Study | None:
    """A study that can be looked at; None while it cannot.

    Raises:
        SpecError: the file is damaged.
    """

    def made(told: Any) -> Study:
        study = Study(told)
        study.cost(study.keep("global", 0.5))
        return study

    return aside.answer(folder / STUDY, made, "study")


def scanned(folder: Path) -> Scan | None:
    """How much each layer bears; None while that is not known.

    Raises:
        SpecError: the file is damaged.
    """

    def made(told: Any) -> Scan:
        rows: Iterable[tuple[str, Any]] = told["accuracies"].items()
        found = {name: {float(s): float(a) for s, a in row} for name, row in rows}
        return Scan(float(told["dense"]), found)

    return aside.answer(folder / SCAN, made, "scan")


def peers(folder: Path) -> Peers:
    """The scores of every other method by layer; none while they are not known.

    Raises:
        SpecError: the file is damaged.
    """

    def made(told: Any) -> Peers:
        rows: Iterable[tuple[str, Any]] = told.items()
        return {m: {g: np.array(s, float) for g, s in groups.items()} for m, groups in rows}

    return aside.answer(folder / PEERS, made, "scores of other methods") or {}


def pictures(folder: Path) -> dict[str, NDArray[Any]]:
    """Filters and feature maps as arrays, read without unpickling anything.

    Raises:
        SpecError: the file is damaged or not there.
    """
    try:
        with np.load(folder / PICTURES, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise SpecError(f"The pictures in {folder.name} are damaged ({error}).") from error
