"""One forward pass that watches which axes of a network's tensors belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from prunelab.surgery.adapters import adapt
from prunelab.surgery.copies import light, state
from prunelab.surgery.lines import Axes, Axis, Lines
from prunelab.surgery.numbers import Numbers
from prunelab.surgery.rules import rule_of


class Untraceable(ValueError):
    """A network of which one forward pass does not show what belongs together."""


class Trace(TorchDispatchMode):
    """Gives every tensor of a forward pass its axes; the rules say how an operation joins them.

    The lines of a parameter or buffer are made when an operation first reads it. A tensor that
    comes from elsewhere, the input among them, has fixed axes.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lines = Lines()
        self.numbers = Numbers(net)
        self.groups: dict[str, Axis] = {}  # by the name of the number in a grouped layer
        self.doubts: list[tuple[Axis, str]] = []  # may go, but the answers would not be the same
        self.heads: list[tuple[Axis, str]] = []  # for each of which positions are compared apart
        self._axes: dict[int, Axes] = {}
        self._names = {id(tensor): name for name, tensor in state(net)}
        self._parameters = {id(tensor) for tensor in net.parameters()}
        self._data: set[int] = set()  # tensors of floats that were computed
        self._alive: list[Any] = []  # an id is only unique while its tensor lives

    @property
    def known(self) -> Iterator[tuple[str, Axes]]:
        """Name and axes of each parameter and buffer that was read."""
        for key, name in self._names.items():
            if key in self._axes:
                yield name, self._axes[key]

    @property
    def order(self) -> list[str]:
        """The names of the parameters and buffers in the order they were first read."""
        return [self._names[key] for key in self._axes if key in self._names]

    def of(self, tensor: Tensor) -> Axes:
        """The axes of a tensor."""
        axes = self._axes.get(id(tensor))
        if axes is None:
            own = id(tensor) in self._names
            axes = tuple([self.lines.fresh(n) if own else None for n in tensor.shape])
            self.set(tensor, axes)
        return axes

    def set(self, tensor: Tensor, axes: Axes) -> None:
        """Say what the axes of a new tensor are."""
        self._alive.append(tensor)
        self._axes[id(tensor)] = axes

    def group(self, weight: Tensor, number: str, axis: Axis) -> None:
        """Remember which groups a layer has, and what it calls their number."""
        name = self._names.get(id(weight), "")
        if name.endswith("weight"):
            self.groups[name.removesuffix("weight") + number] = axis

    def number(self, axis: Axis, size: int) -> None:
        """Remember that code of the module that runs has met an axis of this size."""
        if self.lines.find(axis) is not None:
            self.numbers.met(axis, size)

    def doubt(self, axis: Axis, why: str) -> None:
        """Without positions of this axis the network would run, but answer something else."""
        if axis is not None:
            self.doubts.append((axis, why))

    def compared(self, axes: Iterable[Axis]) -> None:
        """For each position of these axes, others are compared with each other apart."""
        self.heads += [(axis, "attention") for axis in axes if axis is not None]

    def freeze(self, tensors: Iterable[Tensor], why: str) -> None:
        """Fix every axis of some tensors."""
        for tensor in tensors:
            for axis in self.of(tensor):
                self.lines.freeze(axis, why)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here; keeping the compiler out would import it, 1 s

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if func in _READ:
            self._refuse(args[0])
        if func._schema.is_mutable:
            self._guard(args[0])
        out = func(*args, **kwargs) if kwargs else func(*args)
        axes = self._joined(func, args, kwargs, out)
        if axes is None:
            why = f"PruneLab has no rule for this use of {func._schema.name}"
            self.freeze(tensors((args, kwargs)), why)
        self._record(args, out, axes)
        return out

    def _joined(self, func: Any, args: Any, kwargs: Any, out: Any) -> Axes | list[Axes] | None:
        rule = rule_of(func)
        if rule is None or (kwargs and tensors(kwargs)):
            return None
        try:
            return rule(self, args, out)
        except (IndexError, TypeError, ValueError, ZeroDivisionError):
            return None  # an unusual use; what the rule has joined so far stays joined

    def _record(self, args: Any, out: Any, axes: Axes | list[Axes] | None) -> None:
        outs = [out] if isinstance(out, Tensor) else tensors(out)
        each = axes if isinstance(axes, list) else [axes] * len(outs)
        floats = any(
            x.is_floating_point() or id(x) in self._data
            for x in (args if isinstance(out, Tensor) else ())
            if isinstance(x, Tensor)
        )
        for tensor, its in zip(outs, each, strict=True):
            fits = its is not None and len(its) == tensor.ndim
            self.set(tensor, its if its is not None and fits else (None,) * tensor.ndim)
            if floats and not tensor.is_floating_point():
                self._data.add(id(tensor))

    def _refuse(self, read: Tensor) -> None:
        if read.is_floating_point() or id(read) in self._data:
            raise Untraceable(
                "The forward of this network reads a computed number (an if, float() or .item() on "
                "a tensor): what it does may differ from input to input, so one example cannot "
                "show what can be removed."
            )

    def _guard(self, written: Any) -> None:
        if id(written) in self._parameters:
            raise Untraceable("The forward of this network writes on its own parameters.")


def trace(net: nn.Module, example: Any) -> Trace:
    """Run a copy of a network in evaluation mode on an example; its outputs are fixed.

    Raises:
        Untraceable: it does not run on the example, or one run does not show everything.
    """
    copied = light(net).eval()
    adapt(copied)
    seen = Trace(copied)
    try:
        with quietly(), seen.numbers, seen:
            out = call(copied, example)
    except Untraceable:
        raise
    except Exception as problem:
        kind = type(problem).__name__
        raise Untraceable(
            f"The network does not run on the example ({kind}: {problem})."
        ) from problem
    for tensor in tensors(out):
        for axis in seen.of(tensor):
            seen.lines.freeze(axis, "its outputs are the outputs of the network")
    return seen


def call(net: nn.Module, example: Any) -> Any:
    """The network's answer to an example, which it gets as a copy: it may write on it.

    A dict holds arguments by name, a tuple holds them in order.
    """
    if isinstance(example, dict):
        return net(**{name: _copied(x) for name, x in example.items()})
    given = example if isinstance(example, tuple) else (example,)
    return net(*map(_copied, given))


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


def tensors(tree: Any) -> list[Tensor]:
    """The tensors in nested arguments or answers, also of a library's own kind of answer."""
    if isinstance(tree, dict):
        tree = dict(tree)
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _copied(x: Any) -> Any:
    return x.clone() if isinstance(x, Tensor) else x


_READ = {torch.ops.aten._local_scalar_dense.default}
