"""Feature maps: what the units of a layer put out once normalised and activated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from prunelab.masks import Scores
from prunelab.spec import SpecError
from prunelab.training import seeded
from prunelab.units.filters import planned

BATCH = 64
# What belongs to a layer still: a tensor goes through it number by number, or channel by channel.
FOLLOWED = frozenset(
    [
        "batch_norm",
        "relu",
        "relu_",
        "relu6",
        "hardtanh",
        "tanh",
        "sigmoid",
        "gelu",
        "silu",
        "elu",
        "celu",
        "selu",
        "leaky_relu",
        "mish",
        "hardswish",
        "hardsigmoid",
        "softplus",
        "softsign",
        "prelu",
        "dropout",
        "threshold",
        "clamp",
        "clamp_min",
    ]
)


def by_map(
    net: nn.Module,
    data: Any,
    measure: Callable[[Tensor], Tensor],
    *,
    images: int,
    seed: int,
) -> Scores:
    """Score every unit by its maps, on average over examples; layers that go together add up.

    ``measure`` takes the maps of one layer, (examples, units, ...), to (examples, units). The
    network runs in evaluation mode.

    Raises:
        SpecError: no inputs.
    """
    groups = planned(net, data).classes
    x = inputs(net, data, images, seed)
    known = dict(net.named_modules())
    layers = [name for group in groups for name in group.producers if name in known]
    means: dict[str, Tensor] = {}
    for some in torch.split(x, BATCH):
        for layer, found in maps(net, some, layers).items():
            each = torch.stack([measure(m).double().sum(0) for m in found]).mean(0).cpu() / len(x)
            means[layer] = means[layer] + each if layer in means else each
    scores = {}
    for group in groups:
        scores[group.name] = torch.zeros(group.size, dtype=torch.float64)
        for member in (m for m in group.members if m.layer in means):
            ours = member.units >= 0
            scores[group.name].index_add_(0, member.units[ours], means[member.layer][ours])
    return scores


@torch.no_grad()
def maps(net: nn.Module, x: Tensor, layers: Iterable[str]) -> dict[str, list[Tensor]]:
    """By layer its maps, (examples, units, ...), for every time it is called.

    A map is followed through normalisation and activation, however the forward writes them, up to
    whatever else reads it: pooling, a sum, the next layer.
    """
    following = _Following()
    hooks = [
        net.get_submodule(name).register_forward_hook(following.begin(name)) for name in layers
    ]
    try:
        with evaluating(net), following:
            net(x)
    finally:
        for hook in hooks:
            hook.remove()
    return {
        name: [m if _convolves(net.get_submodule(name)) else m.movedim(-1, 1) for m in found]
        for name, found in following.found.items()
    }


def as_images(maps: Tensor) -> Tensor:
    """Maps as matrices: (examples, units, h, w); one pixel for a neuron."""
    return maps[..., None, None] if maps.ndim == 2 else maps[..., None] if maps.ndim == 3 else maps


def inputs(net: nn.Module, data: Any, count: int, seed: int) -> Tensor:
    """So many inputs drawn without repeats from the training part, a tensor, or a pair (x, y).

    Raises:
        SpecError: no inputs.
    """
    x = data[0] if isinstance(data, tuple) else data
    x = torch.from_numpy(x.train.x) if hasattr(x, "train") else x
    if not isinstance(x, Tensor) or not len(x):
        raise SpecError("This method looks at feature maps: pass data, or a tensor of examples.")
    chosen = torch.randperm(len(x), generator=seeded(seed, "examples"))[:count]
    like = next(net.parameters())
    return x[chosen].to(like.device, like.dtype if x.is_floating_point() else x.dtype)


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, each module's own mode as before outside."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


class _Following(TorchFunctionMode):
    """Notes what becomes of the outputs of some layers."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[Tensor]] = {}
        self.where: dict[int, tuple[str, int]] = {}
        self.held: list[Tensor] = []  # so that no number of a tensor is given twice

    def begin(self, name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, given: Any, out: Tensor) -> None:
            calls = self.found.setdefault(name, [])
            calls.append(out)
            self._at(out, (name, len(calls) - 1))

        return hook

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function of PyTorch; where it only follows on a map, its result is the map."""
        given: Any = args[0] if args else (kwargs or {}).get("input")
        place, name = self.where.get(id(given)), getattr(func, "__name__", "")
        if place and name not in FOLLOWED and _writes(name):
            layer, call = place  # the map as it was before something was written over it
            self.found[layer][call] = given.clone()
            del self.where[id(given)]
        out = func(*args, **(kwargs or {}))
        if place and name in FOLLOWED and out.shape == given.shape:
            self.found[place[0]][place[1]] = out
            self._at(out, place)
        return out

    def _at(self, tensor: Tensor, place: tuple[str, int]) -> None:
        self.where[id(tensor)] = place
        self.held.append(tensor)


def _writes(name: str) -> bool:
    return name.startswith("__i") or (name.endswith("_") and not name.endswith("__"))


def _convolves(layer: nn.Module) -> bool:
    return not isinstance(layer, nn.Linear)
