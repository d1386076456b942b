"""``python -m prunelab.trees SPEC FOLDER`` grows a tree to look at and says how far it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from prunelab import aside
from prunelab.spec import RunSpec


def main(spec: RunSpec, folder: Path) -> int:
    """Write the arrays of a tree, one tree of a home at a time."""

    def grow(tell: aside.Tell) -> tuple[str, ...]:
        from prunelab.trees import growth  # brings scikit-learn

        return tuple(growth.write(spec, folder, tell))

    return aside.work(folder, "Loading scikit-learn", grow)


if __name__ == "__main__":
    aside.calm()
    sys.exit(main(RunSpec.from_json(json.loads(sys.argv[1])), Path(sys.argv[2])))
