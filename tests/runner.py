"""A runner without torch for the engine's tests; the spec's knobs say what it does."""

from __future__ import annotations

import os
import signal
import time

from prunelab.events import Epoch, Finished, Measured, Started, Warned


def run(spec, *, files, dense):
    knobs = {"epochs": 3, "pause": 0.02, "do": "", "plan": "recover"} | dict(spec.knobs)
    yield Started(
        key=spec.key,
        spec=spec.to_json(),
        settings={"nice": os.nice(0), "pid": os.getpid()},
        manifest={},
        plan={knobs["plan"]: knobs["epochs"]},
        unit="weight",
        of=10,
    )
    for number in range(1, knobs["epochs"] + 1):
        time.sleep(knobs["pause"])
        yield Epoch(
            phase=knobs["plan"],
            epoch=number,
            epochs=knobs["epochs"],
            loss=1 / number,
            validation_loss=float("nan"),
            accuracy=0.5,
            sparsity=0.0,
            zeros_kept=True,
        )
        if knobs["do"] == "object":
            yield Warned(message=object())
        elif knobs["do"] == "stop":
            return
        elif knobs["do"]:
            _misbehave(knobs["do"])
    if knobs["plan"] == "dense":
        (dense / spec.dense_key).mkdir(parents=True)
    yield Measured(stage="recovered", part="test", values={"accuracy": 0.75, "confusion": [[1]]})
    yield Finished(seconds=1.0)


def _misbehave(how):
    match how:
        case "raise":
            raise ValueError("the layer fc1 is upside down")
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(7)
        case "fill":
            kept = bytearray(os.urandom(1) * 400 * 2**20)
            time.sleep(3600)
            del kept
