"""Han's train, prune, retrain: in rounds, each with a threshold in standard deviations."""

from __future__ import annotations

from torch import Tensor, nn

from prunelab.masks import Scores
from prunelab.probes import weights
from prunelab.registry import method


@method(
    unit="weights",
    schedule="rounds",
    paper="Han et al. 2015, arXiv:1506.02626, §3.1",
    label="|w| / σ of its layer",
    needs={"network"},
)
def iterative_magnitude(net: nn.Module, data: object) -> Scores:
    """Prune in rounds, retraining in between: keep |w| ≥ q·σ of its layer.

    Han's rule cuts each layer at q times the standard deviation σ of its weights. Ranking |w|/σ
    over all layers is that rule with one q for all, chosen so that the sparsity of the round is
    met exactly. From the second round on σ is that of the weights still there.
    Deviations: q follows from the sparsity rather than by hand; biases are never pruned.
    """
    return {name: w.detach().abs() / _deviation(w.detach()) for name, w in weights(net).items()}


def _deviation(w: Tensor) -> Tensor:
    left = w[w != 0]
    deviation = left.std(correction=0) if left.numel() > 1 else w.new_zeros(())
    return deviation if deviation > 0 else w.new_ones(())
