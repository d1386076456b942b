"""Gradient boosting, by scikit-learn."""

from __future__ import annotations

from typing import Annotated, Any

from prunelab.registry import Range, model


@model(traits={"boosting"})
def gradient_boosting(
    shape: tuple[int, ...],
    classes: int,
    *,
    stages: Annotated[int, Range(1, 500), "trees, one after the other (for each class)"] = 20,
    learning_rate: Annotated[float, Range(0.01, 1.0, 0.01), "how much of a stage counts"] = 0.2,
    max_depth: Annotated[int, Range(1, 10), "depth of each tree"] = 3,
) -> Any:
    """Small trees, each fitted to what those before it still get wrong (Friedman 2001)."""
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(
        n_estimators=stages, learning_rate=learning_rate, max_depth=max_depth, max_features="sqrt"
    )
