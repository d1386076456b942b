"""A cut by hand: move a threshold over the weights, see what would go and what it would cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from prunelab import aside
from prunelab.catalogue import catalogue, validate
from prunelab.spec import RunSpec, SpecError

FORMAT = 1  # of the file; another number computes it anew
ALL = "all"  # the place of one threshold for every layer
FILE = "scissors.json"
# 64 places of the line: even steps to 90 %, then ever smaller ones down to a thousandth left.
STOPS = (
    *(round(n * 0.025, 3) for n in range(37)),
    *(round(1 - 0.1 * 10 ** (-2 * n / 27), 5) for n in range(1, 28)),
)
METHODS = ("magnitude", "random")


@dataclass(frozen=True)
class Scissors:
    """Every cut there is to choose from: plain rows, every number of them measured.

    A *place* is where the threshold applies: ``"all"`` layers together, or one of them while the
    others stay whole.
    """

    told: Mapping[str, Any]

    @property
    def layers(self) -> dict[str, int]:
        """The weights of each layer, from the input on."""
        return {layer["name"]: layer["units"] for layer in self.told["layers"]}

    @property
    def places(self) -> list[str]:
        """Where one may cut: all layers together first."""
        return [ALL, *self.layers]

    @property
    def dense(self) -> float:
        """Accuracy before anything is cut, on the same validation examples."""
        return float(self.told["dense"])

    @property
    def table(self) -> pd.DataFrame:
        """One row for each place and stop: the threshold, what goes, accuracy by both methods."""
        return pd.DataFrame(
            [
                {"place": place, **{k: v for k, v in row.items() if k not in ("near", "kept")}}
                for place, rows in self.told["cuts"].items()
                for row in rows
            ]
        )

    def kept(self, place: str, stop: int) -> dict[str, int]:
        """The weights of each layer that stay."""
        found: list[int] = self.told["cuts"][place][stop]["kept"]
        return dict(zip(self.layers, found, strict=True))

    def most(self, place: str = ALL, method: str = "magnitude", lost: float = 0.01) -> float:
        """The largest sparsity up to which no cut costs more accuracy than ``lost``."""
        most = 0.0
        for row in self.told["cuts"][place]:
            if row[method] < self.dense - lost - 1e-9:
                break
            most = row["sparsity"]
        return most

    def spec(self, place: str, stop: int) -> RunSpec:
        """The run that makes this cut and then trains what is left.

        Raises:
            SpecError: there is no such place or stop, or it cuts nothing.
        """
        rows = self.told["cuts"].get(place, ())
        if not 0 <= stop < len(rows) or not rows[stop]["gone"]:
            raise SpecError(
                f"There is no cut {stop!r} of {place!r}; choose one that takes weights."
            )
        base = RunSpec.from_json(self.told["order"]["spec"])
        sparsity = rows[stop]["sparsity"]
        if place == ALL:
            return replace(base, sparsity=sparsity, scope="global")
        return replace(base, sparsity=sparsity, layers={place: sparsity})

    def plot(self, place: str = ALL) -> Any:
        """Accuracy against the share cut at a place, as a plotly figure."""
        from prunelab import figures

        return figures.cut(self, place).figure


def scissors(*, progress: Callable[[str, float], None] | None = None, **fields: Any) -> Scissors:
    """Compute all cuts of a network here: by magnitude, and at random to compare.

    The dense network is trained, or taken where a run has left it. Accuracies are of validation
    examples and before any fine-tuning; the test part is not touched.

    Args:
        progress: told what is done at present, and which share is done.
        fields: of RunSpec: data, model, seed, epochs, knobs...

    Raises:
        SpecError: a spec that cannot run.
    """
    from prunelab.cutting import compute  # brings torch

    return Scissors(compute(order(RunSpec(**fields)), progress or (lambda *_: None)))


def order(base: RunSpec) -> dict[str, Any]:
    """What to compute, as plain data, checked.

    Raises:
        SpecError: as ``scissors``.
    """
    plain = replace(base, method="magnitude", sparsity=RunSpec.sparsity)
    known = catalogue()
    for method in METHODS:
        validate(replace(plain, method=method), known)
    return {"format": FORMAT, "spec": plain.to_json(), "stops": list(STOPS)}


def place(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """Where the cuts of an order are or will be."""
    return aside.place("scissors", ordered, home)


def start(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """Begin to compute the cuts in another process, unless it goes on or they are there.

    Raises:
        SpecError: the process cannot start or the folder cannot be written.
    """
    folder = place(ordered, home)
    return aside.order(folder, "prunelab.cutting", [json.dumps(ordered)], home, "file of cuts")


def read(folder: Path) -> Scissors | None:
    """Cuts that are computed; None while they are not.

    Raises:
        SpecError: the file is damaged.
    """

    def made(told: Any) -> Scissors:
        found = Scissors(told)
        _ = found.layers, found.dense, found.table["threshold"], found.most()
        return found

    return aside.answer(folder / FILE, made, "file of cuts")
