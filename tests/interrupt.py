"""A run's process that keeps every epoch, for tests that kill it."""

from __future__ import annotations

from prunelab import checkpoint, child


def work(order, attempt):
    with checkpoint.eager():
        child.work(order, attempt)
