"""A share of what is left is told as a share of everything."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import prune

from prunelab.museum import bench
from prunelab.museum.exhibit import Exhibit, Shown


def broken(net: nn.Module, rounds: list[float]) -> float:
    """Prune in rounds; the sparsity it tells."""
    layers = [(m, "weight") for m in net.modules() if isinstance(m, nn.Linear)]
    for amount in rounds:
        prune.global_unstructured(layers, prune.L1Unstructured, amount=amount)
    return rounds[-1]


def mended(net: nn.Module, rounds: list[float]) -> float:
    """Prune in rounds; the sparsity it tells."""
    layers = [(m, "weight") for m in net.modules() if isinstance(m, nn.Linear)]
    for amount in rounds:
        prune.global_unstructured(layers, prune.L1Unstructured, amount=amount)
    masks = [layer.weight_mask for layer, _ in layers]
    return sum(int((m == 0).sum()) for m in masks) / sum(m.numel() for m in masks)


def show() -> Shown:
    """Told and true after each round."""
    rounds = [0.5, 0.5, 0.5, 0.5]
    printed, true = [[f(bench.mlp(), rounds[:n]) for n in range(1, 5)] for f in (broken, mended)]
    return Shown([1.0, 2.0, 3.0, 4.0], printed, true, at=3)


EXHIBIT = Exhibit(
    title="Fifty per cent of what?",
    scene=(
        "A network is pruned in four rounds with `amount=0.5`, with training in between. The "
        "accuracy is compared with that of other methods at 50 %."
    ),
    says="After {x} rounds the tool speaks of {printed} sparsity.",
    is_true="{true} of the weights are gone.",
    options=(
        "Each amount is a share of the weights still there, and only the last one is told",
        "The layers were ranked together",
        "Later rounds take back what earlier ones removed",
        "The biases were not counted",
    ),
    answer=0,
    why=(
        "Half of the rest, four times, leaves a sixteenth. The same word also means the share kept "
        "in some papers and the share removed in others."
    ),
    instead=(
        "Here sparsity has one meaning: the share removed of all that could be removed. Rounds say "
        "the sparsity they reach, not the share they take."
    ),
    axes=("rounds", "sparsity"),
    unit="%",
    broken=broken,
    mended=mended,
    show=show,
    link="lab",
)
