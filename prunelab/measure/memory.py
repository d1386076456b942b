"""The most memory a network's tensors take at once while it answers."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Held(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of every tensor an operation makes, until the tensor is gone."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self, call: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Do the operation, and note the memory its result holds."""
        out = call(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._note(tensor)
        return out

    def hold(self, tensors: Any) -> None:
        """Count tensors that are there already."""
        for tensor in tensors:
            self._note(tensor)

    def _note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if not size or place in self._seen:
            return  # a view of what is counted
        self._seen.add(place)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._gone, place, size)

    def _gone(self, place: int, size: int) -> None:
        self._seen.discard(place)
        self.now -= size


def memory(net: nn.Module, example: Tensor) -> int:
    """Bytes of weights, input and layer outputs alive together at the worst moment.

    What a library needs for a moment inside one operation is not seen.
    """
    modes = {module: module.training for module in net.modules()}
    held = Held()
    held.hold([*net.parameters(), *net.buffers(), example])
    try:
        with torch.no_grad(), held:
            net.eval()(example)
    finally:
        for module, training in modes.items():
            module.training = training
    return held.peak
