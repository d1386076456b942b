"""2:4 on a GPU: two of every four weights of a row are gone, and its tensor cores skip them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear

from prunelab.crossing import HALF, TWO_FOUR

ROWS, COLUMNS = 32, 64  # of a weight in 16 bits: what all backends of torch take
NO_GPU = "There is no GPU that torch can use; CPUs do not skip such zeros."
OTHER_ANSWERS = "It gives other answers than the dense layer, so it is not timed."
HALF_ALONE = "It was not timed: 2:4 removes half of the weights, and 50 % is not among the shares."
Call = Callable[[], Any]
Clock = Callable[[Mapping[str, Call]], dict[str, dict[str, Any]]]


def two_of_four(weight: Tensor) -> Tensor:
    """The matrix with the two smallest of every four neighbours in a row at zero.

    >>> two_of_four(torch.tensor([[1.0, -4.0, 3.0, 2.0]]))
    tensor([[ 0., -4.,  3.,  0.]])

    Raises:
        ValueError: rows that are no multiple of four long.
    """
    if weight.shape[1] % 4:
        raise ValueError(f"Rows must be a multiple of 4 long, got {weight.shape[1]}.")
    found = weight.clone()
    fours = found.view(len(found), -1, 4)
    fours.scatter_(-1, fours.abs().argsort(dim=-1, stable=True)[..., :2], 0.0)
    return found


def refusal(outputs: int, inputs: int) -> str:
    """Why torch may not store a layer of this size so; "" where every GPU that skips zeros can."""
    if outputs % ROWS or inputs % COLUMNS:
        return (
            f"This GPU does not take a layer of {outputs} outputs and {inputs} inputs: choose a "
            f"multiple of {ROWS} and of {COLUMNS}."
        )
    return ""


def timed(
    weight: Tensor, x: Tensor, clock: Clock, device: str = "cuda"
) -> tuple[dict[str, dict[str, Any]], str]:
    """Times of the layer in 16 bits, dense and 2:4, on a device; or none, and why."""
    try:
        dense = two_of_four(weight).to(device).half()
        batch = x.to(device).half()
        sparse = torch.sparse.to_sparse_semi_structured(dense)
        wanted, answer = linear(batch, dense), linear(batch, sparse)
        if not torch.allclose(answer, wanted, atol=0.05, rtol=0.01):
            return {}, OTHER_ANSWERS
        calls = {HALF: _call(batch, dense), TWO_FOUR: _call(batch, sparse)}
        return clock(calls), ""
    except (RuntimeError, ValueError) as refused:  # an older GPU, no memory, a size
        said = f"It does not work here: {str(refused).splitlines()[0][:200]}"
        return {}, refusal(*weight.shape) or said


def _call(x: Tensor, weight: Tensor) -> Call:
    def run() -> None:
        linear(x, weight)
        if x.is_cuda:
            torch.cuda.synchronize()

    return run
