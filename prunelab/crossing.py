"""Where sparse pays: one layer timed in every form people run it in, from dense to nearly empty."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from prunelab import aside
from prunelab.spec import SpecError

FORMAT = 1  # of the file; another number times anew
SPARSITIES = (0.0, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99)
MOST = 16_777_216  # weights of a layer
WIDEST = 4096  # examples of a batch
FILE = "times.json"
DENSE, AGAIN, ROWS, BLOCKS, SHRUNK = (
    *("dense", "dense again", "sparse rows (CSR)", "sparse blocks (BSR)", "shrunk"),
)
COMPILED, ONNX, HALF, TWO_FOUR = (
    *("torch.compile", "onnxruntime", "dense, 16 bit", "2:4, 16 bit"),
)
FORMS = {
    DENSE: "The layer as it is, zeros and all: they are multiplied like any number.",
    AGAIN: "The same once more. What differs here is noise.",
    ROWS: "Only what is not zero is stored, row by row, and multiplied.",
    BLOCKS: "Whole squares of weights are removed; those that stay are multiplied.",
    SHRUNK: "Whole neurons are removed: a smaller dense layer, with as many weights left.",
    COMPILED: "The dense layer with its zeros, translated by torch.compile.",
    ONNX: "The dense layer with its zeros, run by onnxruntime.",
    HALF: "The dense layer in numbers of 16 bits, on the GPU; 2:4 is compared with it.",
    TWO_FOUR: "Two of every four weights are removed, and the GPU skips them; 16 bits.",
}
RIVALS = {HALF: HALF, TWO_FOUR: HALF}  # what a form is compared with where that is not dense


class Crossing(NamedTuple):
    """From which sparsity on a form is faster than dense; ``faster`` is None where it never is.

    ``slower`` is the sparsity tried before it, so that the crossing lies between the two.
    """

    slower: float | None
    faster: float | None


@dataclass(frozen=True)
class BreakEven:
    """What was timed, as plain rows."""

    told: Mapping[str, Any]

    @property
    def layer(self) -> tuple[int, int, int]:
        """Inputs, outputs, and examples of a batch."""
        ordered = self.told["order"]
        return ordered["inputs"], ordered["outputs"], ordered["batch"]

    @property
    def machine(self) -> dict[str, Any]:
        """What it was timed on: processor, device, threads, versions."""
        return dict(self.told["machine"])

    @property
    def forms(self) -> list[str]:
        """What could be timed, dense first."""
        return list(dict.fromkeys(row["form"] for row in self.told["rows"]))

    @property
    def missing(self) -> dict[str, str]:
        """What could not be timed here, and why."""
        return dict(self.told["missing"])

    @property
    def table(self) -> pd.DataFrame:
        """A row a form and sparsity: median milliseconds, its 95 % interval, and how it stands."""
        rivals = _by_form(self.told["rows"])
        return pd.DataFrame(
            {**row, "against dense": _verdict(row, rivals)} for row in self.told["rows"]
        )

    def crossing(self, form: str) -> Crossing:
        """From where on a form is beyond doubt faster than dense, there and wherever it is sparser.

        >>> ms = lambda form, s, t: dict(form=form, sparsity=s, median=t, low=t, high=t)
        >>> rows = [ms(DENSE, s, 1.0) for s in (0.5, 0.9)] + [ms(ROWS, 0.5, 2), ms(ROWS, 0.9, 0.5)]
        >>> BreakEven({"rows": rows}).crossing(ROWS)
        Crossing(slower=0.5, faster=0.9)
        """
        rivals = _by_form(self.told["rows"])
        mine = sorted(
            (row for row in self.told["rows"] if row["form"] == form), key=lambda r: r["sparsity"]
        )
        wins = [_verdict(row, rivals) == "faster" for row in mine]
        first = len(wins)
        while first and wins[first - 1]:
            first -= 1
        slower = mine[first - 1]["sparsity"] if first else None
        return Crossing(slower, mine[first]["sparsity"] if first < len(mine) else None)

    def plot(self, guess: float | None = None) -> Any:
        """Milliseconds against sparsity, a line a form, and where they cross the dense layer."""
        from prunelab import figures

        return figures.breakeven(self, guess=guess).figure


def _by_form(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, float], Mapping[str, Any]]:
    return {(row["form"], row["sparsity"]): row for row in rows}


def _verdict(row: Mapping[str, Any], rivals: Mapping[tuple[str, float], Mapping[str, Any]]) -> str:
    rival = RIVALS.get(row["form"], DENSE)
    if row["form"] == rival:
        return "–"
    dense = rivals[rival, row["sparsity"]]
    if row["high"] < dense["low"]:
        return "faster"
    return "slower" if row["low"] > dense["high"] else "no difference"


def order(
    inputs: int = 784, outputs: int = 300, batch: int = 64, sparsities: Sequence[float] = SPARSITIES
) -> dict[str, Any]:
    """What to time, as plain data, checked.

    Raises:
        SpecError: a layer, a batch or a sparsity that cannot be timed.
    """
    if min(inputs, outputs, batch) < 1:
        raise SpecError("A layer needs at least one input, one output and one example.")
    if inputs * outputs > MOST or batch > WIDEST:
        raise SpecError(
            f"At most {MOST:,} weights and {WIDEST:,} examples are timed, got "
            f"{inputs * outputs:,} and {batch:,}."
        )
    tried = sorted(set(sparsities))
    if not tried or not 0 <= tried[0] <= tried[-1] < 1:
        raise SpecError(f"Sparsities must be 0 <= s < 1, got {list(sparsities)!r}.")
    return {
        "format": FORMAT, "inputs": inputs, "outputs": outputs, "batch": batch,
        "sparsities": tried,
    }  # fmt: skip


def breakeven(inputs: int = 784, outputs: int = 300, batch: int = 64, **more: Any) -> BreakEven:
    """Time a layer here: ``pl.breakeven(784, 300, batch=64).plot()``.

    Args:
        inputs: of the layer.
        outputs: of the layer.
        batch: examples at once.
        more: ``sparsities``, those to try.

    Raises:
        SpecError: as ``order``.
    """
    from prunelab.layer_times import compute  # brings torch

    return BreakEven(compute(order(inputs, outputs, batch, **more), lambda *_: None))


def place(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """Where the times are or will be."""
    return aside.place("breakeven", ordered, home)


def start(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """Begin to time in another process, unless it goes on or is done.

    Raises:
        SpecError: the process cannot start or the folder cannot be written.
    """
    folder = place(ordered, home)
    return aside.order(
        folder, "prunelab.layer_times", [json.dumps(ordered)], home, "table of times"
    )


def read(folder: Path) -> BreakEven | None:
    """Times that are there; None while they are not.

    Raises:
        SpecError: the file is damaged.
    """

    def made(told: Any) -> BreakEven:
        found = BreakEven(told)
        _ = found.layer, found.machine, found.missing, found.table["against dense"]
        return found

    return aside.answer(folder / FILE, made, "table of times")
