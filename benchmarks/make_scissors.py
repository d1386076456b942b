"""Makes the cuts that ship with PruneLab: ``python benchmarks/make_scissors.py``.

LeNet-300-100 trained on digits here, each threshold tried on validation examples.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import tempfile

from prunelab import examples
from prunelab.scissors import order, scissors
from prunelab.spec import RunSpec


def main() -> None:
    """Compute every cut of the default network and write the file."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["PRUNELAB_HOME"] = home
        made = scissors(progress=lambda doing, share: sys.stderr.write(f"{share:4.0%} {doing}\n"))
    if made.told["order"] != order(RunSpec()):
        raise RuntimeError("The file would not be that of the page's first controls.")
    text = json.dumps(made.told, separators=(",", ":"))
    with gzip.GzipFile(examples.FOLDER / "scissors.json.gz", "wb", mtime=0) as file:
        file.write(text.encode())


if __name__ == "__main__":
    main()
