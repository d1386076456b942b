"""How many multiply-adds one example costs, layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from prunelab.probes import PRUNABLE
from prunelab.surgery.trace import quietly

OTHERS = "products of no layer"
LAYERS = (*PRUNABLE, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def macs(net: nn.Module, example: Tensor) -> dict[str, int]:
    """Multiply-adds for one example by layer name, by the sizes its layers really put out.

    A layer that is called twice counts twice. Matrix products of no layer, such as those of
    attention, come last, together.
    """
    return {name: count for name, count, _ in _calls(net, example)}


def ideal_macs(net: nn.Module, example: Tensor) -> int:
    """Multiply-adds for one example if every zero in a weight were skipped for free."""
    return round(
        sum(
            count if weight is None else count * int(weight.count_nonzero()) / weight.numel()
            for _, count, weight in _calls(net, example)
        )
    )


def _calls(net: nn.Module, example: Tensor) -> list[tuple[str, int, Tensor | None]]:
    """Name, multiply-adds and weight of each layer in order; of what is no layer, no weight."""
    layers = {name: layer for name, layer in net.named_modules() if isinstance(layer, LAYERS)}
    counts = dict.fromkeys(layers, 0)
    hooks = [layer.register_forward_hook(_counter(counts, name)) for name, layer in layers.items()]
    modes = {module: module.training for module in net.modules()}
    try:
        with quietly(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            net.eval()(example[:1])
    finally:
        for hook in hooks:
            hook.remove()
        for module, training in modes.items():
            module.training = training
    found: list[tuple[str, int, Tensor | None]] = [
        (name or "weight", counts[name], layers[name].weight) for name in layers
    ]
    others = counter.get_total_flops() // 2 - sum(counts.values())
    return [*found, (OTHERS, others, None)] if others > 0 else found


def _counter(counts: dict[str, int], name: str) -> Callable[..., None]:
    def count(layer: Any, inputs: tuple[Tensor, ...], out: Tensor) -> None:
        # Every output sums over one row of the weight; in a transposed layer every input spreads.
        transposed = getattr(layer, "transposed", False)
        many = inputs[0].numel() if transposed else out.numel()
        counts[name] += many * (layer.weight.numel() // layer.weight.shape[0])

    return count
