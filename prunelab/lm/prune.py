"""Prune a causal language model of transformers in place: neurons, weights, heads or blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor

from prunelab.lm.anatomy import blocks, readable, remove_blocks, remove_neurons
from prunelab.lm.attention import HEADS, remove_heads, score_heads
from prunelab.lm.neurons import NEURONS, score_neurons
from prunelab.lm.repair import least_squares, movement
from prunelab.lm.walk import walk
from prunelab.lm.weights import WEIGHTS, prune_weights
from prunelab.masks import removed, select
from prunelab.spec import SpecError
from prunelab.training import seeded

Unit = Literal["neurons", "weights", "heads", "blocks"]
Recover = Literal["none", "least-squares"]
BLOCKS = ("block-influence", "random")
TRAINED = "movement"  # prunes while it fine-tunes
METHODS = {
    "neurons": tuple(NEURONS),
    "weights": (*WEIGHTS, TRAINED),
    "heads": HEADS,
    "blocks": BLOCKS,
}
KNOBS = {
    "llm-rank": ("gamma", "theta", "activity"),
    "llm-rank-modified": ("activity",),
    "sparsegpt": ("damp",),
    TRAINED: ("steps", "lr", "batch"),
}
LEAST = 2  # sequences of calibration


class Report(NamedTuple):
    """What went: units before and after, and the scores of neurons, heads or blocks, by block."""

    unit: Unit
    method: str
    of: int
    kept: int
    scores: list[Tensor]
    stays: list[Tensor]

    @property
    def sparsity(self) -> float:
        """The share that was removed."""
        return 1 - self.kept / self.of


def prune(  # noqa: PLR0913 - each is a flag of the command
    model: Any,
    ids: Tensor,
    method: str = "llm-rank",
    sparsity: float = 0.3,
    *,
    unit: Unit = "neurons",
    pattern: tuple[int, int] | None = None,
    recover: Recover = "none",
    seed: int = 0,
    **knobs: Any,
) -> Report:
    """Prune a model in place by what it does on calibration text, block by block.

    Args:
        model: a causal language model of transformers, on any device.
        ids: calibration tokens, (sequences, tokens), from training text alone.
        method: one of ``METHODS[unit]``.
        sparsity: share of each block's neurons, heads or weights, or of all blocks, to remove.
        unit: "neurons" (MLP channels), "heads" and "blocks" are cut out, "weights" become zero.
            Heads go in groups that share keys and values.
        pattern: (n, m): of every m inputs of a weight n stay ("weights" alone).
        recover: "least-squares" solves the down-projection anew for the neurons that stay.
        seed: of random choices.
        knobs: ``KNOBS[method]``. gamma=0 with activity="raw" is the default of LLM-Rank's published
            code.

    Raises:
        SpecError: an unknown method or knob, calibration text that is too short, tokens of another
            vocabulary, or more at once than the model reads.
    """
    check(ids, method, sparsity, unit, pattern)
    readable(model, ids, ids.shape[1])
    if strange := [name for name in knobs if name not in KNOBS.get(method, ())]:
        has = ", ".join(KNOBS.get(method, ())) or "none"
        raise SpecError(f"{method} has no knob {strange[0]!r}; it has {has}.")
    if recover not in get_args(Recover) or (recover != "none" and unit != "neurons"):
        raise SpecError(f"recover must be none, or least-squares of neurons; got {recover!r}.")
    if unit == "weights":
        if method == TRAINED:
            of, kept = movement(model, ids, sparsity, seed=seed, **knobs)
        else:
            knobs["pattern"] = pattern
            of, kept = prune_weights(model, ids, method, sparsity, seed=seed, **knobs)
        return Report(unit, method, of, kept, [], [])
    scores = SCORES[unit](model, ids, method, seed=seed, **knobs)
    stays = [_stays(score, sparsity) for score in scores]
    if recover == "least-squares":
        least_squares(model, ids, stays)
    REMOVALS[unit](model, stays)
    of, kept = (sum(map(count, stays)) for count in (Tensor.numel, lambda s: int(s.sum())))
    return Report(unit, method, of, kept, scores, stays)


def check(
    ids: Tensor, method: str, sparsity: float, unit: Unit, pattern: tuple[int, int] | None
) -> None:
    """Refuse what cannot be pruned.

    Raises:
        SpecError: an unknown unit or method, a sparsity out of bounds, a pattern that cannot be, or
            calibration text that is too short.
    """
    if unit not in get_args(Unit):
        raise SpecError(f"unit must be one of {', '.join(get_args(Unit))}, got {unit!r}.")
    if method not in METHODS[unit]:
        names = ", ".join(METHODS[unit])
        raise SpecError(f"The methods for {unit} are {names}; got {method!r}.")
    if not 0 <= sparsity < 1:
        raise SpecError(f"sparsity must be at least 0 and below 1, got {sparsity}.")
    by_weight = unit == "weights" and method != TRAINED
    if pattern and (not by_weight or not 1 <= pattern[0] < pattern[1]):
        raise SpecError(
            f"A pattern n:m of weights needs 1 ≤ n < m, got {pattern} of {unit} by {method}."
        )
    if ids.ndim != 2 or len(ids) < LEAST or ids.shape[1] < 2:
        raise SpecError(
            f"Calibration needs at least {LEAST} sequences of 2 tokens, got {tuple(ids.shape)}: "
            f"give a longer text or shorter sequences."
        )


def _stays(score: Tensor, sparsity: float) -> Tensor:
    """The highest stay, at least one."""
    keep = max(1, score.numel() - removed(sparsity, score.numel()))
    return select({"": score}, {"": keep})[""]


@torch.no_grad()
def _influence(model: Any, ids: Tensor, method: str, *, seed: int) -> list[Tensor]:
    """1 − cos(what arrives at a block, what leaves), on average over tokens (Men et al. 2024)."""
    if method == "random":
        count = len(blocks(model))
        return [torch.rand(count, generator=seeded(seed, "blocks"), dtype=torch.float64)]
    found: list[float] = []

    def visit(number: int, block: Any, arriving: Tensor, run: Callable[[Tensor], Tensor]) -> Tensor:
        leaving = run(arriving)
        alike = torch.cosine_similarity(arriving.float(), leaving.float(), dim=-1)
        found.append(1 - float(alike.double().mean()))
        return leaving

    walk(model, ids, visit)
    return [torch.tensor(found, dtype=torch.float64)]


SCORES: dict[str, Callable[..., list[Tensor]]] = {
    "neurons": score_neurons,
    "heads": score_heads,
    "blocks": _influence,
}
REMOVALS: dict[str, Callable[[Any, list[Tensor]], None]] = {
    "neurons": remove_neurons,
    "heads": remove_heads,
    "blocks": lambda model, stays: remove_blocks(model, stays[0].tolist()),
}
