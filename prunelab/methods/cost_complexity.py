"""Minimal cost-complexity pruning: the weakest link goes first."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch

from prunelab.masks import Scores
from prunelab.registry import method
from prunelab.trees import trees
from prunelab.trees.counts import errors
from prunelab.trees.weakest import weakest_links


@method(
    unit="nodes",
    scope="global",
    recover="none",
    label="effective α",
    whole_ties=True,
    needs={"tree"},
    paper="Breiman et al. 1984, §3",
)
def cost_complexity(
    model: Any,
    data: object,
    *,
    risk: Annotated[
        Literal["impurity", "error"], "impurity as scikit-learn, training error as CART"
    ] = "impurity",
) -> Scores:
    """Collapse the split that raises the impurity least per leaf it saves, again and again.

    The score of a split is the α at which it collapses, so cutting all scores up to α gives the
    very tree that scikit-learn grows with ``ccp_alpha=α`` (α > 0). All trees of a forest share α.

    It believes that every leaf has a price, the same everywhere. It goes wrong where few rows
    choose α, and where a weak split hides a strong one below it.
    """
    return {
        name: torch.from_numpy(weakest_links(member.tree_, _risks(member, risk), start=0.0))
        for name, member in trees(model).items()
    }


def _risks(member: Any, risk: str) -> Any:
    """Rounding makes some first links faintly negative; they count as nought."""
    tree = member.tree_
    weight = tree.weighted_n_node_samples
    if risk == "error":
        return errors(member) / weight[0]
    return weight * tree.impurity / weight[0]
