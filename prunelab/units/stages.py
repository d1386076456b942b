"""The stages of gradient boosting: one small tree each, or one for every class."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from prunelab.registry import Unit, unit

_BY_STAGE = ("estimators_", "train_score_", "oob_improvement_", "oob_scores_")


@unit(needs={"boosting"}, noun="stages")
def stages() -> Unit:
    """Stages of gradient boosting, each with all its trees."""
    return Unit(shapes=_shapes, keep=_keep, rows=_rows)


def _shapes(model: Any, data: object) -> dict[str, tuple[int, ...]]:
    return {"stages": (len(model.estimators_),)}


def _keep(model: Any, data: object, mask: Mapping[str, Tensor]) -> Any:
    """Without its last stages a model is the one that was boosted for fewer."""
    kept = mask["stages"].cpu().numpy()
    fewer = copy.copy(model)
    for name in _BY_STAGE:
        if hasattr(model, name):
            setattr(fewer, name, getattr(model, name)[kept])
    fewer.n_estimators = fewer.n_estimators_ = int(kept.sum())
    return fewer


def _rows(model: Any, data: object, mask: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    units, kept = mask["stages"].numel(), int(mask["stages"].sum())
    return [{"name": "stages", "shape": [units], "units": units, "kept": kept}]
