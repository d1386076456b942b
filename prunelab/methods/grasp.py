"""GraSP: keep the gradient flowing."""

from __future__ import annotations

from typing import Annotated, Any

from torch import nn

from prunelab.masks import Scores
from prunelab.probes import balanced, curvature, weights
from prunelab.registry import Range, method
from prunelab.training import seeded


@method(
    unit="weights",
    when="init",
    recover="rewind",
    paper="Wang et al. 2020, arXiv:2002.07376, equation 8",
    label="w · (H g)",
    subjects=("lenet-300-100", "resnet-narrow"),
    needs={"network"},
)
def grasp(
    net: nn.Module,
    data: Any,
    *,
    seed: int,
    each: Annotated[int, Range(1, 1000), "examples of each class to score on"] = 10,
    temperature: Annotated[float, Range(1, 1000), "what the logits are divided by"] = 200.0,
) -> Scores:
    """Keep the weights whose removal would weaken the gradient flow, before training.

    Removing w changes ½‖g‖² by about −w · (Hg); s = w · (Hg), so weights whose removal makes the
    gradient larger go first. No absolute value.
    Deviations: exact counts (the official code keeps one more); the network that is scored is the
    one that trains; one batch rather than two halves of different classes.

    Example: H = [[2, 1], [1, 3]], b = (1, 1), w = (1, −1): g = (0, −3), Hg = (−3, −9),
    s = (−3, 9): the first weight goes first.
    """
    examples = balanced(data, each, seeded(seed, "examples", 1))
    _, curved = curvature(net, examples, temperature)
    return {name: w.detach() * curved[name] for name, w in weights(net).items()}
