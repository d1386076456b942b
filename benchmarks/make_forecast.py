"""Makes the forecast that ships with PruneLab: ``python benchmarks/make_forecast.py``.

LeNet-300-100 trained on digits here, then the masks of four methods at twelve sparsities.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile

from prunelab import examples
from prunelab.foresight import FIRST, forecast, order
from prunelab.spec import RunSpec


def main() -> None:
    """Compute the forecast of the page's first controls and write the file."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["PRUNELAB_HOME"] = home
        made = forecast(
            method=FIRST,
            progress=lambda doing, share: sys.stderr.write(f"{share:4.0%} {doing}\n"),
        )
    if made.told["order"] != order(RunSpec(), FIRST):
        raise RuntimeError("The file would not be that of the page's first controls.")
    text = json.dumps(made.told, separators=(",", ":"))
    with gzip.GzipFile(examples.FOLDER / "forecast.json.gz", "wb", mtime=0) as file:
        file.write(text.encode())


if __name__ == "__main__":
    main()
