"""How many multiply-adds one example costs, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from prunelab.probes import PRUNABLE

LAYERS = (*PRUNABLE, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def macs(net: nn.Module, example: Tensor) -> dict[str, int]:
    """Multiply-adds for one example by layer name, by the sizes its layers really put out.

    Linear and convolutional layers only; a layer that is called twice counts twice.
    """
    return {name: count for name, count, _ in _calls(net, example)}


def ideal_macs(net: nn.Module, example: Tensor) -> int:
    """Multiply-adds for one example if every zero in a weight were skipped for free."""
    return round(
        sum(
            count * int(weight.count_nonzero()) / weight.numel()
            for _, count, weight in _calls(net, example)
        )
    )


def _calls(net: nn.Module, example: Tensor) -> list[tuple[str, int, Tensor]]:
    """Name, multiply-adds and weight of each layer in order."""
    layers = {name: layer for name, layer in net.named_modules() if isinstance(layer, LAYERS)}
    counts = dict.fromkeys(layers, 0)
    hooks = [layer.register_forward_hook(_counter(counts, name)) for name, layer in layers.items()]
    modes = {module: module.training for module in net.modules()}
    try:
        with torch.no_grad():
            net.eval()(example[:1])
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training
    return [(name or "weight", counts[name], layers[name].weight) for name in layers]


def _counter(counts: dict[str, int], name: str) -> Callable[..., None]:
    def count(layer: Any, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        # Every output sums over one row of the weight; in a transposed layer every input spreads.
        transposed = getattr(layer, "transposed", False)
        many = inputs[0].numel() if transposed else out.numel()
        counts[name] += many * (layer.weight.numel() // layer.weight.shape[0])

    return count
