"""What the training of a run cost, in floating-point operations."""

from __future__ import annotations

from typing import NamedTuple

from prunelab.events import Result
from prunelab.spec import RunSpec


class Effort(NamedTuple):
    """FLOPs of the dense training, and of all training until the model one ships."""

    dense: float
    total: float


def effort(result: Result) -> Effort | None:
    """FLOPs of the planned epochs; None where they were not counted or nothing is trained.

    A masked network costs what the dense one does: its zeros are multiplied. Only training from
    scratch pays for the smaller network. Passes that score weights are not counted.
    """
    whole = result.dense.get("training")
    rows = result.settings.get("parts", {}).get("train")
    if not whole or not rows or not result.plan:
        return None
    scratch = RunSpec.from_json(result.spec).recover.startswith("scratch")
    after = result.recovered.get("training", whole) if scratch else whole
    first = whole * rows * result.plan.get("dense", 0)
    later = sum(epochs for phase, epochs in result.plan.items() if phase != "dense")
    return Effort(first, first + after * rows * later)
