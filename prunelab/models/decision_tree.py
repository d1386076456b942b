"""A decision tree, grown by scikit-learn."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from prunelab.registry import Range, model


@model(traits={"tree"})
def decision_tree(
    shape: tuple[int, ...],
    classes: int,
    *,
    criterion: Annotated[
        Literal["gini", "entropy", "log_loss"], "impurity that a split lowers"
    ] = "gini",
    max_depth: Annotated[int, Range(0, 100), "0 grows until every leaf is pure"] = 0,
    min_samples_leaf: Annotated[int, Range(1, 1000), "examples a leaf must hold"] = 1,
) -> Any:
    """One decision tree, grown to the end so that there is something to prune."""
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(
        criterion=criterion, max_depth=max_depth or None, min_samples_leaf=min_samples_leaf
    )
