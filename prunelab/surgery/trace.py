"""One forward pass that watches which axes of a network's tensors belong together."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from prunelab.surgery.atoms import Atoms, Axes, Axis
from prunelab.surgery.rules import rule_of


class Trace(TorchDispatchMode):
    """Gives every tensor of a forward pass its axes; the rules say how an operation joins them.

    The atoms of a parameter or buffer are made when an operation first reads it. A tensor that
    comes from elsewhere, the input among them, has fixed axes.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.atoms = Atoms()
        self.groups: dict[str, Axis] = {}  # by the name of a grouped convolution's weight
        self._axes: dict[int, Axes] = {}
        self._names = {id(tensor): name for name, tensor in state(net)}
        self._alive: list[Tensor] = []  # an id is only unique while its tensor lives

    @property
    def known(self) -> Iterator[tuple[str, Axes]]:
        """Name and axes of each parameter and buffer that was read."""
        for key, name in self._names.items():
            if key in self._axes:
                yield name, self._axes[key]

    def of(self, tensor: Tensor) -> Axes:
        """The axes of a tensor."""
        if id(tensor) not in self._axes:
            own = id(tensor) in self._names
            self.set(tensor, tuple(self.atoms.fresh(n) if own else None for n in tensor.shape))
        return self._axes[id(tensor)]

    def set(self, tensor: Tensor, axes: Axes) -> None:
        """Say what the axes of a new tensor are."""
        self._alive.append(tensor)
        self._axes[id(tensor)] = axes

    def group(self, weight: Tensor, axis: Axis) -> None:
        """Remember which groups a grouped convolution has."""
        if id(weight) in self._names:
            self.groups[self._names[id(weight)]] = axis

    def freeze(self, tensors: Iterable[Tensor], why: str) -> None:
        """Fix every axis of some tensors."""
        for tensor in tensors:
            for axis in self.of(tensor):
                self.atoms.freeze(axis, why)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here; keeping the compiler out would import it, 1 s

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        axes = self._joined(func, args, kwargs, out)
        if axes is None:
            why = f"PruneLab has no rule for this use of {func._schema.name}"
            self.freeze(_tensors((args, kwargs)), why)
        self._record(_tensors(out), axes)
        return out

    def _joined(self, func: Any, args: Any, kwargs: Any, out: Any) -> Axes | list[Axes] | None:
        rule = rule_of(func)
        if rule is None or _tensors(kwargs):  # such as the mask of an attention
            return None
        try:
            return rule(self, args, out)
        except (IndexError, TypeError, ValueError, ZeroDivisionError):
            return None  # an unusual use; what the rule has joined so far stays joined

    def _record(self, outs: list[Tensor], axes: Axes | list[Axes] | None) -> None:
        each = axes if isinstance(axes, list) else [axes] * len(outs)
        for tensor, its in zip(outs, each, strict=True):
            fits = its is not None and len(its) == tensor.ndim
            self.set(tensor, its if its is not None and fits else (None,) * tensor.ndim)


def trace(net: nn.Module, example: Any) -> Trace:
    """Run a copy of a network in evaluation mode on an example; its outputs are fixed."""
    copied = copy.deepcopy(net).eval()
    seen = Trace(copied)
    with quietly(), seen:
        out = call(copied, example)
    seen.freeze(_tensors(out), "its outputs are the outputs of the network")
    return seen


def call(net: nn.Module, example: Any) -> Any:
    """The network's answer to an example, which it gets as a copy: it may write on it."""
    given = example if isinstance(example, tuple) else (example,)
    return net(*(x.clone() if isinstance(x, Tensor) else x for x in given))


def state(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Every parameter and buffer by name, tied ones once."""
    yield from net.named_parameters()
    yield from net.named_buffers()


@contextmanager
def quietly() -> Iterator[None]:
    """Without gradients, without fused paths that hide operations, random state as before."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
