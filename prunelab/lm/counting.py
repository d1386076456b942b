"""Exact counts row by row without a sort."""

from __future__ import annotations

import torch
from torch import Tensor


def without_lowest(score: Tensor, gone: int) -> Tensor:
    """Of each row all but so many of the lowest; on ties the higher index stays."""
    stays = torch.ones_like(score, dtype=torch.bool)
    if not gone:
        return stays
    cut = score.kthvalue(gone, dim=1, keepdim=True).values
    stays = score > cut
    level = score == cut
    short = gone - (~stays & ~level).sum(1, keepdim=True)  # of the level ones, that must go
    return stays | (level & (level.cumsum(1) > short))
