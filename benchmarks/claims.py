"""What a claim about speed is: work done in two ways that take turns, and the goal of a ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch

LONG = 5.0  # seconds: what takes longer warms up in passing


class Claim(NamedTuple):
    """A ratio: the peer's processor time by ours, over rounds in which the two take turns."""

    work: str
    peer: str
    goal: float
    ratios: list[float]
    note: str = ""

    @property
    def median(self) -> float:
        """The ratio in the middle."""
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool:
        """Whether the goal is reached at the median."""
        return self.median >= self.goal


def in_turns(peer: Callable[[], object], ours: Callable[[], object], rounds: int) -> list[float]:
    """The peer's time by ours in each round, after one that does not count if it is short."""
    ratios: list[float] = []
    warm = False
    while len(ratios) < rounds:
        taken = []
        for call in (peer, ours):
            begun = clock()
            call()
            taken.append(clock() - begun)
        if warm or min(taken) > LONG:
            ratios.append(taken[0] / taken[1])
        warm = True
    return ratios


def clock() -> float:
    """Seconds of the processor: what others do on the machine hits them less than the wall's.

    Where there is a GPU those on the wall, when it has done all that it was given.
    """
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()
