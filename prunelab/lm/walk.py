"""One pass through a language model, block by block, in pieces of a few sequences.

The model's own forward runs, so masks and positions are its own; only its blocks are stood in for.
What is read of a block is gone before the next one begins: beside the weights there is memory for
one block's activations of a few sequences, and for what goes by from block to block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from prunelab.lm.anatomy import blocks

AT_ONCE = 2  # sequences
Block = Callable[..., Tensor]  # runs a block on what goes by, all sequences
Visit = Callable[[int, nn.Module, Tensor, Block], Tensor]  # what goes on to the next block


class _Through(Exception):
    """The last block was visited: what follows it would take memory for nothing."""


@torch.no_grad()
def walk(model: Any, ids: Tensor, visit: Visit) -> None:
    """Show every block to a visitor: its number, itself, what arrives, and how to run it.

    Args:
        model: a causal language model of transformers.
        ids: (sequences, tokens).
        visit: ``(number, block, arriving, run) -> leaving``; ``run(arriving)`` is what leaves. A
            visitor that needs it once says ``run(arriving, arriving)``: what leaves takes the place
            of what arrived, a piece at a time, and one copy of what goes by is enough.
    """
    training, model = model.training, model.eval()
    device = next(model.parameters()).device
    with _standing_in(model, visit), suppress(_Through):
        model.base_model(input_ids=ids.to(device), use_cache=False)
    model.train(training)


@contextmanager
def listening(block: nn.Module, layers: dict[str, nn.Module], hear: Any) -> Iterator[None]:
    """Inside, ``hear(name, given, out)`` is told what every one of some layers reads and says."""

    def hook(name: str) -> Any:
        return lambda layer, given, out: hear(name, given[0], out)

    hooks = [layer.register_forward_hook(hook(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for one in hooks:
            one.remove()


@contextmanager
def _standing_in(model: Any, visit: Visit) -> Iterator[None]:
    found = list(blocks(model))
    for number, block in enumerate(found):
        last = number == len(found) - 1
        block.__dict__["forward"] = _visited(number, block, visit, last=last)
    try:
        yield
    finally:
        for block in found:
            block.__dict__.pop("forward", None)


def _visited(number: int, block: nn.Module, visit: Visit, *, last: bool) -> Any:
    forward = block.forward

    def stand_in(arriving: Tensor, *more: Any, **settings: Any) -> Any:
        tupled = False

        def run(h: Tensor, left: Tensor | None = None) -> Tensor:
            nonlocal tupled
            left = torch.empty_like(h) if left is None else left
            for start in range(0, len(h), AT_ONCE):
                here = slice(start, start + AT_ONCE)
                rest = [_piece(value, here, len(h)) for value in more]
                named = {name: _piece(value, here, len(h)) for name, value in settings.items()}
                out = forward(h[here], *rest, **named)
                tupled = isinstance(out, tuple)
                left[here] = out[0] if tupled else out
            return left

        leaving = visit(number, block, arriving, run)
        if last:
            raise _Through
        return (leaving,) if tupled else leaving

    return stand_in


def _piece(value: Any, here: slice, count: int) -> Any:
    """Of what is told for every sequence, that of a few; what is told once for all stays."""
    if isinstance(value, tuple):
        return tuple(_piece(one, here, count) for one in value)
    if isinstance(value, Tensor) and value.ndim and len(value) == count and count > 1:
        return value[here]
    return value
