"""``python -m prunelab.trees SPEC FOLDER`` grows a tree to look at and says how far it is."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from prunelab import processes
from prunelab.spec import RunSpec, SpecError
from prunelab.treelab import orders

NICE = 10  # the app must stay quick meanwhile
PATIENCE = 3600.0  # seconds to wait for the trees before this one


def main(spec: RunSpec, folder: Path) -> int:
    """Write the arrays of a tree, one tree of a home at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    mine = processes.lock(folder / orders.LOCK)
    if mine is None or orders.look(folder).name == "ready":
        return 0  # somebody else grows, or has grown, the same tree

    def tell(doing: str, share: float, **more: Any) -> None:
        about = {"state": "growing", "doing": doing, "share": share, "by": processes.identity()}
        orders.write(folder, {**about, **more})

    tell("Waiting for another tree", 0.0)
    turn = processes.lock(folder.parent / "turn.lock", patience=PATIENCE)
    tell("Loading scikit-learn", 0.02)
    try:
        from prunelab.trees import growth

        notes = growth.write(spec, folder, tell)
    except SpecError as refused:
        tell("", 0.0, state="failed", reason=str(refused))
        return 1
    except MemoryError:
        tell("", 0.0, state="failed", reason="There is not enough memory for these data.")
        return 1
    tell("", 1.0, state="ready", notes=notes)
    for held in (turn, mine):
        if held:
            held.close()
    return 0


if __name__ == "__main__":
    with contextlib.suppress(AttributeError, OSError):  # Windows has no nice
        os.nice(NICE)
    sys.exit(main(RunSpec.from_json(json.loads(sys.argv[1])), Path(sys.argv[2])))
