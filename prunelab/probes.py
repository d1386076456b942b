"""Looks into a network and leaves no trace: which tensors can be pruned, as they are now."""

from __future__ import annotations

from torch import Tensor, nn

PRUNABLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def weights(net: nn.Module) -> dict[str, Tensor]:
    """The prunable weights by layer name: those of linear and convolutional layers, tied ones once.

    Biases, normalisation and embeddings are not prunable (``Conventions`` of the method cards).
    """
    embedded = {id(m.weight) for m in net.modules() if isinstance(m, nn.Embedding)}
    seen: set[int] = set(embedded)
    found: dict[str, Tensor] = {}
    for name, layer in net.named_modules():
        if isinstance(layer, PRUNABLE) and id(layer.weight) not in seen:
            if hasattr(layer, "parametrizations"):
                raise ValueError(
                    f"{name} computes its weight (a parametrization); remove it first."
                )
            seen.add(id(layer.weight))
            found[name or "weight"] = layer.weight
    return found
