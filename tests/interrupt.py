"""A run's process that keeps every epoch, for tests that kill it."""

from __future__ import annotations

from prunelab import checkpoint, child


def work(order, attempt):
    checkpoint.GAP = checkpoint.SHARE = 0
    child.work(order, attempt)
