"""Runs one exhibit: ``python -m prunelab.museum NAME FOLDER`` does it for the app."""

from __future__ import annotations

import sys
from pathlib import Path

from prunelab import aside
from prunelab.collection import FILE
from prunelab.museum.rooms import told
from prunelab.speech import mark


def main() -> int:
    """Run it and write what came out."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    aside.calm()
    doing = mark("Running the tool's code, and measuring")
    return aside.respond(folder / FILE, doing, lambda _: told(name))


if __name__ == "__main__":
    sys.exit(main())
