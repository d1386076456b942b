"""Numbers that modules keep, such as of heads, and the axes whose sizes they are.

A forward that says ``x.view(n, t, self.heads, -1)`` cannot follow a removal unless ``self.heads``
does. While a network runs, each axis that its code cuts or joins is remembered with those whole
numbers of the running module that equal its size. Some do so by accident: the probe tells.
"""

from __future__ import annotations

from collections import defaultdict
from types import TracebackType
from typing import Any

from torch import nn

from prunelab.surgery.lines import Axis

_OTHERS = ("torch.nn.modules", "prunelab.surgery")  # their numbers follow their tensors anyway
Place = tuple[str, str]  # a module and its attribute


class Numbers:
    """Which whole numbers of modules are the sizes of which axes."""

    def __init__(self, net: nn.Module) -> None:
        self.found: defaultdict[Place, list[Axis]] = defaultdict(list)
        self._net = net
        self._running: list[nn.Module] = []
        self._names: dict[nn.Module, str] = {}
        self._hooks: list[Any] = []

    def __enter__(self) -> None:
        for name, module in self._net.named_modules():
            if not type(module).__module__.startswith(_OTHERS):
                self._names[module] = name
                self._hooks.append(module.register_forward_pre_hook(self._enter))
                self._hooks.append(module.register_forward_hook(self._leave, always_call=True))

    def __exit__(
        self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()

    def met(self, axis: Axis, size: int) -> None:
        """The code of the module that runs has cut or joined an axis of this size."""
        if not self._running:
            return
        module = self._running[-1]
        for name, value in vars(module).items():
            if type(value) is int and value == size and not name.startswith("_"):
                axes = self.found[self._names[module], name]
                if all(axis is not other for other in axes):
                    axes.append(axis)

    def _enter(self, module: nn.Module, args: Any) -> None:
        self._running.append(module)

    def _leave(self, module: nn.Module, args: Any, out: Any) -> None:
        self._running.pop()
