"""Processes of runs, to be killed: one keeps every epoch, one stands still where told."""

from __future__ import annotations

import os
import time

from prunelab import checkpoint, child

HOLD = "PRUNELAB_TEST_HOLD"


def work(order, attempt):
    with checkpoint.eager():
        child.work(order, attempt)


def work_until(order, attempt, told):
    """Stand still for ever once so many events were told; 0 is never."""
    os.environ[HOLD] = str(told)
    child.work(order._replace(runner="interrupt:standing"), attempt)


def standing(spec, *, files, dense):
    from prunelab.experiment import run

    for number, event in enumerate(run(spec, files=files, dense=dense), 1):
        yield event
        if number == int(os.environ[HOLD]):
            time.sleep(3600)
