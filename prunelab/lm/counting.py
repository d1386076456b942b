"""Exact counts row by row without a sort."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def without_lowest(score: Tensor, gone: int) -> Tensor:
    """Of each row all but so many of the lowest; on ties the higher index stays.

    That is what the stable sort of published Wanda does, and masks of language models are to equal
    it. Everywhere else in PruneLab the lower index stays (``masks``).
    """
    if not gone:
        return torch.ones_like(score, dtype=torch.bool)
    cut = _lowest(score, gone)
    stays = score > cut
    if int(stays.count_nonzero()) == score.shape[0] * (score.shape[1] - gone):
        return stays  # nothing else is as low as the last to go
    level = score == cut
    short = gone - (~stays & ~level).sum(1, keepdim=True)  # of the level ones, that must go
    return stays | (level & (level.cumsum(1) > short))


def _lowest(score: Tensor, number: int) -> Tensor:
    """The so-manieth lowest of each row; numpy selects many times faster than torch on a CPU."""
    if score.device.type != "cpu" or score.dtype not in (torch.float32, torch.float64):
        return score.kthvalue(number, dim=1, keepdim=True).values
    parted = np.partition(score.numpy(), number - 1, axis=1)
    return torch.from_numpy(parted[:, number - 1 : number].copy())
