"""Makes the times of a layer that ship with PruneLab: ``python benchmarks/make_breakeven.py``.

Real times of the machine it runs on, about ten seconds.
"""

from __future__ import annotations

import gzip
import json
import sys

import prunelab as pl
from prunelab import examples
from prunelab.crossing import FORMS

OUTPUTS = 304  # as LeNet-300-100's first layer, made a multiple of the 16 that blocks need


def main() -> None:
    """Time the layer and write what was found."""
    found = pl.breakeven(784, OUTPUTS, 64)
    for form in FORMS:
        if form in found.forms:
            sys.stderr.write(f"{form}: {found.crossing(form)}\n")
    text = json.dumps(found.told, separators=(",", ":"))
    with gzip.GzipFile(examples.FOLDER / "breakeven.json.gz", "wb", mtime=0) as file:
        file.write(text.encode())


if __name__ == "__main__":
    main()
