"""Makes the run on the Data page that ships with PruneLab: ``python benchmarks/make_data.py``.

A real run: AUM keeps 30 % of the digits, a perceptron learns from them.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
import tempfile
from pathlib import Path

from prunelab import examples
from prunelab.artefacts import EXAMPLES
from prunelab.events import fold, to_json
from prunelab.experiment import run
from prunelab.spec import RunSpec

SPEC = RunSpec(method="aum", model="mlp", sparsity=0.7)


def main() -> None:
    """Run it, and write what it told and which examples stayed."""
    with tempfile.TemporaryDirectory() as folder:
        events = list(run(SPEC, files=Path(folder)))
        result = fold(events)
        sys.stderr.write(f"{result.status} {SPEC.key} {result.recovered.get('accuracy')}\n")
        if result.status != "finished":
            raise RuntimeError(f"{SPEC.key}: {result.reason}\n{result.traceback}")
        there = examples.FOLDER / examples.DATA
        there.mkdir(exist_ok=True)
        shutil.copy(Path(folder) / EXAMPLES, there / EXAMPLES)
    text = json.dumps([to_json(event) for event in events], separators=(",", ":"))
    with gzip.GzipFile(examples.FOLDER / f"{examples.DATA}.json.gz", "wb", mtime=0) as file:
        file.write(text.encode())


if __name__ == "__main__":
    main()
