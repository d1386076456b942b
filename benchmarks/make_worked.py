"""Works every method through on its tiny model for the copy that ships: ``make_worked.py``."""

from __future__ import annotations

import gzip
import json

from prunelab import cards
from prunelab.registry import METHODS
from prunelab.worked import every


def main() -> None:
    """Work them through and write the file."""
    made = {"sources": cards.sources(), "worked": every(METHODS)}
    with gzip.GzipFile(cards.WORKED, "wb", mtime=0) as file:
        file.write(json.dumps(made, separators=(",", ":")).encode())


if __name__ == "__main__":
    main()
