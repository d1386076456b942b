"""Han's train, prune, retrain: in rounds, each with a threshold in standard deviations."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn

from prunelab.masks import Scores
from prunelab.paths import alive
from prunelab.probes import weights
from prunelab.registry import method
from prunelab.spec import SpecError


@method(
    unit="weights",
    schedule="rounds",
    paper="Han et al. 2015, arXiv:1506.02626, §3.1",
    label="|w| / qσ of its layer",
    subjects=("lenet-300-100", "lenet-5"),
    needs={"network"},
)
def iterative_magnitude(
    net: nn.Module,
    data: Any,
    *,
    quality: Annotated[
        str, "q of single layers beside the others' 1, such as conv1=0.5 fc3=0.7"
    ] = "",
    dead: Annotated[bool, "weights of dead neurons go first"] = False,
) -> Scores:
    """Prune in rounds, retraining in between: keep |w| ≥ q·σ of its layer.

    Han's rule cuts each layer at q times the standard deviation σ of its weights; the most
    sensitive layers get the smallest q. Ranking |w|/(qσ) over all layers is that rule with one
    common factor, chosen so that the sparsity of the round is met exactly. From the second round on
    σ is that of the weights still there.
    With ``dead``, weights that earlier rounds have left without a path from the input to an output
    go before all others, as Han removes dead neurons (§3.5); the count stays exact. What the last
    round kills stays as zeros; ``prunelab.dead.without_dead`` makes the smaller network.
    Deviations: the common factor follows from the sparsity; biases are never pruned.

    Example: a layer of (−3, 1, 0.5, 2) has σ = 1.88; at q = 1 the weights −3 and 2 stay.
    """
    layers = weights(net)
    q = dict.fromkeys(layers, 1.0) | _parsed(quality, layers)
    scores = {name: w.detach().abs() / (q[name] * deviation(w)) for name, w in layers.items()}
    if not dead:
        return scores
    on_path = alive(net, data.shape)
    return {n: torch.where(on_path[n], s, s / (1 + s) - 1) for n, s in scores.items()}


def deviation(w: Tensor) -> Tensor:
    """Standard deviation of the weights that are not zero; 1 where there is none."""
    left = w.detach()[w.detach() != 0]
    spread = left.std(correction=0) if left.numel() > 1 else w.new_zeros(())
    return spread if spread > 0 else w.new_ones(())


def _parsed(text: str, layers: dict[str, Tensor]) -> dict[str, float]:
    found = {}
    for word in text.replace(",", " ").split():
        name, _, number = word.partition("=")
        if name not in layers:
            raise SpecError(f"There is no layer {name!r}; the layers are {', '.join(layers)}.")
        try:
            found[name] = float(number)
        except ValueError:
            found[name] = 0.0
        if not 0 < found[name] < 1e6:
            raise SpecError(f"q of {name} must be a number above 0, got {number!r}.")
    return found
