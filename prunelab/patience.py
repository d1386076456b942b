"""Waiting for a store that is away: a restart or a short partition is no reason to give up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from prunelab.row import Missing
from prunelab.store import Lost, StoreError

FIRST, LONGEST = 0.05, 2.0  # seconds between two tries
Answer = TypeVar("Answer")


def patiently(call: Callable[[], Answer], seconds: float) -> Answer:
    """What the store answers; while it is away, ask again for so many seconds.

    Raises:
        Lost, Missing: the store is there, and that is its answer.
        StoreError: it is still away.
    """
    deadline, pause = time.monotonic() + seconds, FIRST
    while True:
        try:
            return call()
        except (Lost, Missing):
            raise
        except StoreError:
            if time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
        pause = min(LONGEST, 2 * pause)
