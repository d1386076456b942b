"""Heads of attention of a language model: scored on text, cut out in whole key-value groups."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from prunelab.lm.anatomy import blocks, cut, matrix
from prunelab.lm.walk import Block, listening, walk
from prunelab.spec import SpecError
from prunelab.training import seeded

HEADS = ("wanda", "activation", "magnitude", "random")
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj")


def attention(block: nn.Module) -> Any:
    """The attention of a block whose config can tell how many heads are left.

    Raises:
        SpecError: of another family, whose config ties the number of heads to the width.
    """
    found: Any = getattr(block, "self_attn", None)
    config = getattr(found, "config", None)
    if not hasattr(config, "num_key_value_heads") or not hasattr(found, "head_dim"):
        raise SpecError(
            "Heads can be cut out of the families Llama, Mistral and Qwen; the config of this one "
            "cannot say that there are fewer heads than its width has room for. Prune its "
            "neurons, weights or blocks."
        )
    return found


def groups(model: Any) -> int:
    """How many groups of heads share keys and values in each block."""
    return int(attention(blocks(model)[0]).config.num_key_value_heads)


def score_heads(model: Any, ids: Tensor, method: str, *, seed: int) -> list[Tensor]:
    """One score for each key-value group of each block; higher stays.

    wanda: Σ |w| · ‖x‖ over the columns of the output projection that read a group; activation:
    the norm of what they read; magnitude: Σ |w| of them.
    """
    number, found = groups(model), list(blocks(model))
    if method == "random":
        chance = [seeded(seed, i) for i in range(len(found))]
        return [torch.rand(number, generator=c, dtype=torch.float64) for c in chance]
    if method == "magnitude":
        sizes = [matrix(attention(b).o_proj).abs().sum(0, dtype=torch.float64) for b in found]
        return [size.view(number, -1).sum(1).cpu() for size in sizes]
    scores: list[Tensor] = []

    def visit(_: int, block: nn.Module, arriving: Tensor, run: Block) -> Tensor:
        out, squares = attention(block).o_proj, [torch.zeros(1, dtype=torch.float64)]

        def hear(name: str, given: Tensor, said: Tensor) -> None:
            squares[0] = squares[0] + given.flatten(0, -2).float().square().sum(0).double().cpu()

        with listening(block, {"out": out}, hear):
            leaving = run(arriving, arriving)
        if method == "activation":
            scores.append(squares[0].view(number, -1).sum(1).sqrt())
        else:
            column = matrix(out).abs().sum(0, dtype=torch.float64).cpu() * squares[0].sqrt()
            scores.append(column.view(number, -1).sum(1))
        return leaving

    walk(model, ids, visit)
    return scores


@torch.no_grad()
def remove_heads(model: Any, stays: list[Tensor]) -> None:
    """Cut groups of heads out of every block: queries, keys, values, what reads them; tell config.

    Raises:
        SpecError: blocks that would keep different numbers of them, or none.
    """
    kept = {int(s.sum()) for s in stays}
    if len(kept) > 1 or 0 in kept:
        raise SpecError(f"Every block must keep as many heads as the others, got {sorted(kept)}.")
    for block, mask in zip(blocks(model), stays, strict=True):
        part = attention(block)
        for name in PROJECTIONS:
            layer = getattr(part, name)
            wide = matrix(layer).shape[name == "o_proj"]
            index = mask.repeat_interleave(wide // len(mask)).nonzero().flatten()
            cut(layer, index.to(layer.weight.device), outputs=name != "o_proj")
    config, left, were = model.config, kept.pop(), groups(model)
    config.head_dim = attention(blocks(model)[0]).head_dim
    config.num_attention_heads = config.num_attention_heads * left // were
    config.num_key_value_heads = left
