"""Han's train, prune, retrain: in rounds, each with a threshold in standard deviations."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor, nn

from prunelab.masks import Scores
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
    data: object,
    *,
    quality: Annotated[
        str, "q of single layers beside the others' 1, such as conv1=0.5 fc3=0.7"
    ] = "",
) -> Scores:
    """Prune in rounds, retraining in between: keep |w| ≥ q·σ of its layer.

    Han's rule cuts each layer at q times the standard deviation σ of its weights; the most
    sensitive layers get the smallest q. Ranking |w|/(qσ) over all layers is that rule with one
    common factor, chosen so that the sparsity of the round is met exactly. From the second round on
    σ is that of the weights still there.
    Deviations: the common factor follows from the sparsity; biases are never pruned; dead neurons
    stay in the network as zeros.

    Example: a layer of (−3, 1, 0.5, 2) has σ = 1.88; at q = 1 the weights −3 and 2 stay.
    """
    layers = weights(net)
    q = dict.fromkeys(layers, 1.0) | _parsed(quality, layers)
    return {name: w.detach().abs() / (q[name] * deviation(w)) for name, w in layers.items()}


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
