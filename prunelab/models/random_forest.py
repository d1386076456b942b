"""A random forest, grown by scikit-learn."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from prunelab.registry import Range, model


@model(traits={"tree", "forest"})
def random_forest(
    shape: tuple[int, ...],
    classes: int,
    *,
    trees: Annotated[int, Range(1, 500), "number of trees"] = 25,
    criterion: Annotated[
        Literal["gini", "entropy", "log_loss"], "impurity that a split lowers"
    ] = "gini",
    max_features: Annotated[
        Literal["sqrt", "log2", "all"], "features each split may choose from"
    ] = "sqrt",
    max_depth: Annotated[int, Range(0, 100), "0 grows until every leaf is pure"] = 0,
    min_samples_leaf: Annotated[int, Range(1, 1000), "examples a leaf must hold"] = 1,
) -> Any:
    """Many trees on bootstrap samples that vote (Breiman 2001)."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(
        n_estimators=trees,
        criterion=criterion,
        max_features=None if max_features == "all" else max_features,
        max_depth=max_depth or None,
        min_samples_leaf=min_samples_leaf,
    )
