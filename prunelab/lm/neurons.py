"""Scores of MLP neurons, block by block: LLM-Rank and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from prunelab import pagerank
from prunelab.lm.anatomy import Mlp, blocks, matrix, mlp
from prunelab.lm.walk import Block, listening, walk
from prunelab.masks import removed
from prunelab.training import seeded

Activity = Literal["read", "raw"]


class Seen(NamedTuple):
    """Norms over all calibration tokens: of what up reads and says, and of what down reads."""

    read: Tensor
    raw: Tensor
    inner: Tensor


Score = Callable[..., Tensor]


def score_neurons(model: Any, ids: Tensor, method: str, *, seed: int, **knobs: Any) -> list[Tensor]:
    """One float64 score for each MLP neuron, a tensor a block; higher stays.

    All blocks are scored on the dense model, as published. ``magnitude`` and ``random`` look at no
    text.
    """
    scores: list[Tensor] = []
    if method in ("magnitude", "random"):
        found = [mlp(block) for block in blocks(model)]
        return [NEURONS[method](one, None, seeded(seed, i), **knobs) for i, one in enumerate(found)]

    def visit(number: int, block: nn.Module, arriving: Tensor, run: Block) -> Tensor:
        found = mlp(block)
        leaving, seen = look(block, found, arriving, run)
        scores.append(NEURONS[method](found, seen, seeded(seed, number), **knobs).cpu())
        return leaving

    walk(model, ids, visit)
    return scores


def look(block: nn.Module, found: Mlp, arriving: Tensor, run: Block) -> tuple[Tensor, Seen]:
    """Run a block and take the norms at its MLP."""
    sums: dict[str, Tensor] = {}

    def hear(name: str, given: Tensor, out: Tensor) -> None:
        for what, t in ((f"{name} read", given), (f"{name} said", out)):
            if what != "down said":
                squares = t.flatten(0, -2).float().square().sum(0).double()
                sums[what] = sums[what] + squares if what in sums else squares

    with listening(block, {"up": found.up, "down": found.down}, hear):
        leaving = run(arriving, arriving)
    return leaving, Seen(*(sums[n].sqrt() for n in ("up read", "up said", "down read")))


def llm_rank(
    found: Mlp,
    seen: Seen,
    chance: torch.Generator,
    *,
    gamma: float = 0.9,
    theta: float = 0.5,
    activity: Activity = "read",
) -> Tensor:
    """Weighted PageRank over the up-projection; γ = 0 and "raw" is the published code's default."""
    active = seen.inner if activity == "read" else seen.raw
    return pagerank.weighted(matrix(found.up), seen.read, active, gamma=gamma, theta=theta)


def llm_rank_modified(
    found: Mlp, seen: Seen, chance: torch.Generator, *, activity: Activity = "read"
) -> Tensor:
    """(|W| p) · activity."""
    active = seen.inner if activity == "read" else seen.raw
    return pagerank.modified(matrix(found.up), seen.read, active)


def activation(found: Mlp, seen: Seen, chance: torch.Generator) -> Tensor:
    """How strongly a neuron answers, gate and all."""
    return seen.inner


def wanda(found: Mlp, seen: Seen, chance: torch.Generator) -> Tensor:
    """Wanda's scores |w| · ‖x‖ of a neuron's column in the down-projection, added up."""
    return matrix(found.down).abs().sum(0, dtype=torch.float64) * seen.inner


def magnitude(found: Mlp, seen: None, chance: torch.Generator) -> Tensor:
    """The L1 norm of a neuron's rows."""
    layers = [layer for layer in (found.gate, found.up) if layer is not None]
    return sum(matrix(x).abs().sum(1, dtype=torch.float64).cpu() for x in layers)  # type: ignore[return-value]


def random(found: Mlp, seen: None, chance: torch.Generator) -> Tensor:
    """A number drawn at random."""
    return torch.rand(found.neurons, generator=chance, dtype=torch.float64)


NEURONS: dict[str, Score] = {
    "llm-rank": llm_rank,
    "llm-rank-modified": llm_rank_modified,
    "activation": activation,
    "wanda": wanda,
    "magnitude": magnitude,
    "random": random,
}


@torch.no_grad()
def official_masks(model: Any, ids: Tensor, sparsity: float, **knobs: Any) -> None:
    """Zero rows of the up- and of the down-projection, in place, as the published code does.

    Of each by its own rank: rows of up are neurons, rows of down are outputs of the block. Nothing
    becomes smaller, and biases and gates stay. It is here to compare with.
    """

    def visit(number: int, block: nn.Module, arriving: Tensor, run: Block) -> Tensor:
        sums: dict[str, list[Tensor]] = {}
        found = mlp(block)

        def hear(name: str, given: Tensor, out: Tensor) -> None:
            each = [t.flatten(0, -2).float().square().sum(0).double() for t in (given, out)]
            sums[name] = (
                [a + b for a, b in zip(sums[name], each, strict=True)] if name in sums else each
            )

        with listening(block, {"up": found.up, "down": found.down}, hear):
            leaving = run(arriving, arriving)
        for name, layer in (("up", found.up), ("down", found.down)):
            read, said = (t.sqrt() for t in sums[name])
            rank = pagerank.weighted(matrix(layer), read, said, **knobs)
            gone = rank.argsort(stable=True)[: removed(sparsity, len(rank))]
            matrix(layer)[gone] = 0
        return leaving

    walk(model, ids, visit)
