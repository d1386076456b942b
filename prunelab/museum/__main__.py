"""Runs one exhibit: ``python -m prunelab.museum NAME FOLDER`` does it for the app."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from prunelab import aside
from prunelab.collection import FILE
from prunelab.museum.rooms import told


def main() -> int:
    """Run it and write what came out."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    aside.calm()

    def work(tell: aside.Tell) -> Iterable[str]:
        text = json.dumps(told(name))
        partial = folder / f"{FILE}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(folder / FILE)
        return ()

    return aside.work(folder, "Running the tool's code, and measuring", work)


if __name__ == "__main__":
    sys.exit(main())
