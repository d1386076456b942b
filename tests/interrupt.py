"""Processes of runs, to be killed: one keeps every epoch, one stands still where told."""

from __future__ import annotations

import os
import time
from pathlib import Path

from prunelab import checkpoint, child
from prunelab.events import Finished

HOLD = "PRUNELAB_TEST_HOLD"


def work(order, attempt, hold):
    """While the file ``hold`` is there, the run does not end, however fast the machine."""
    os.environ[HOLD] = str(hold)
    with checkpoint.eager():
        child.work(order._replace(runner="interrupt:held"), attempt)


def held(spec, *, files, dense):
    from prunelab.experiment import run

    for event in run(spec, files=files, dense=dense):
        while isinstance(event, Finished) and Path(os.environ[HOLD]).exists():
            time.sleep(0.05)
        yield event


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
