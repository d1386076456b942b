"""Single weights of a language model become zero, block by block: Wanda, SparseGPT, magnitude."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from prunelab.lm.anatomy import blocks, linears, matrix
from prunelab.lm.counting import without_lowest
from prunelab.lm.sparsegpt import DAMP, solve_
from prunelab.lm.walk import Block, listening, walk
from prunelab.masks import removed
from prunelab.spec import SpecError
from prunelab.training import seeded

WEIGHTS = ("wanda", "sparsegpt", "magnitude", "random")
Pattern = tuple[int, int] | None
ROWS = 128  # that are chosen from together


def prune_weights(
    model: Any,
    ids: Tensor,
    method: str,
    sparsity: float,
    *,
    pattern: Pattern,
    seed: int,
    damp: float = DAMP,
) -> tuple[int, int]:
    """Zero a share of every linear layer of every block; weights there were, and that stay.

    Each block is run again after it was pruned, so that the next one sees what is left of it.
    Embeddings and the output layer stay whole.
    """
    of, kept = 0, 0

    def one(name: str, layer: nn.Module, seen: Tensor | None) -> None:
        nonlocal of, kept
        weight = matrix(layer)
        if method == "sparsegpt" and seen is not None:
            left = solve_(weight, seen, sparsity, pattern=pattern, damp=damp).kept
        else:
            stays = mask(method, weight, seen, sparsity, pattern, seeded(seed, name))
            weight.mul_(stays)
            left = int(stays.count_nonzero())
        of, kept = of + weight.numel(), kept + left

    if method in ("magnitude", "random"):
        with torch.no_grad():
            for number, block in enumerate(blocks(model)):
                for name, layer in linears(block).items():
                    one(f"{number} {name}", layer, None)
        return of, kept

    def visit(number: int, block: nn.Module, arriving: Tensor, run: Block) -> Tensor:
        layers = linears(block)
        for name, seen in _seen(block, layers, arriving, run, method).items():
            one(f"{number} {name}", layers[name], seen)
        return run(arriving, arriving)

    walk(model, ids, visit)
    return of, kept


@torch.no_grad()
def mask(
    method: str,
    weight: Tensor,
    squares: Tensor | None,
    sparsity: float,
    pattern: Pattern,
    chance: torch.Generator | None = None,
) -> Tensor:
    """What of a weight (outputs, inputs) stays: per output for wanda, per layer for the others.

    Args:
        method: wanda, magnitude or random.
        weight: of a layer.
        squares: of each input over all tokens, for wanda.
        sparsity: share of each output, or of the layer.
        pattern: (n, m), of every m inputs n stay.
        chance: for random.

    Raises:
        SpecError: inputs that m does not divide.
    """
    if pattern and weight.shape[1] % pattern[1]:
        raise SpecError(f"A layer of {weight.shape[1]} inputs has no blocks of {pattern[1]}.")
    stays = torch.empty_like(weight, dtype=torch.bool)
    by_row = method == "wanda"
    if not by_row and not pattern:
        score = _score(method, weight, None, chance).flatten()
        gone = removed(sparsity, score.numel())
        return without_lowest(score[None], gone).view_as(stays)
    norms = None if squares is None else squares.sqrt()
    for rows in range(0, len(weight), ROWS):
        here = slice(rows, rows + ROWS)
        score = _score(method, weight[here], norms, chance)
        if pattern:
            cells = score.reshape(-1, pattern[1])
            stays[here] = without_lowest(cells, pattern[1] - pattern[0]).view_as(score)
        else:
            stays[here] = without_lowest(score, removed(sparsity, score.shape[1]))
    return stays


def _score(
    method: str, weight: Tensor, norms: Tensor | None, chance: torch.Generator | None
) -> Tensor:
    if method == "random":
        return torch.rand(weight.shape, generator=chance).to(weight.device)
    size = weight.abs()
    if norms is None or method != "wanda":
        return size
    return size.float().mul_(norms) if size.dtype != torch.float64 else size.mul_(norms)


def _seen(
    block: nn.Module, layers: dict[str, nn.Module], arriving: Tensor, run: Block, method: str
) -> dict[str, Tensor]:
    """Of each layer Σ x² by input, or the whole of Σ x xᵀ for sparsegpt."""
    sums: dict[str, Tensor] = {}

    def hear(name: str, given: Tensor, out: Tensor) -> None:
        x = given.flatten(0, -2).float()
        here = x.T @ x if method == "sparsegpt" else x.square().sum(0)
        sums[name] = sums[name] + here if name in sums else here

    with listening(block, layers, hear):
        run(arriving)
    return sums
