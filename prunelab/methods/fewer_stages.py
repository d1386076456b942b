"""Fewer stages: boosting that had stopped earlier."""

from __future__ import annotations

from typing import Any

import torch

from prunelab.masks import Scores
from prunelab.registry import method


@method(
    unit="stages",
    scope="global",
    recover="none",
    label="stages from the end",
    baseline="thin-random",
    needs={"boosting"},
    paper="Friedman 2001",
)
def fewer_stages(model: Any, data: object) -> Scores:
    """Drop the last stages first: exactly the model that was boosted for fewer."""
    count = len(model.estimators_)
    return {"stages": torch.arange(count, 0, -1, dtype=torch.float64)}
