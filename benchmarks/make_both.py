"""Makes the plane of data and weights that ships with PruneLab: ``python benchmarks/make_both.py``.

Real runs: AUM chooses digits, magnitude prunes a perceptron that learned from them.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from pathlib import Path

from tqdm import tqdm

from prunelab import examples
from prunelab.events import fold
from prunelab.experiment import run

HEADLINE = ("key", "status", "spec", "unit", "sparsity", "seconds")


def main() -> None:
    """Run every cell and write its headline numbers."""
    told = []
    specs = examples.both_specs(
        examples.BOTH,
        examples.BOTH.examples_method,
        examples.BOTH_KEPT,
        examples.BOTH_SPARSITIES,
        range(examples.BOTH_SEEDS),
    )
    with tempfile.TemporaryDirectory() as folder:
        for spec in tqdm(specs):
            result = fold(run(spec, dense=Path(folder)))
            if result.status != "finished":
                raise RuntimeError(f"{spec.key}: {result.reason}\n{result.traceback}")
            headline = {name: getattr(result, name) for name in HEADLINE}
            for stage in ("dense", "recovered"):
                headline[stage] = {"accuracy": getattr(result, stage)["accuracy"]}
            told.append(headline)
    text = json.dumps(told, separators=(",", ":"))
    with gzip.GzipFile(examples.FOLDER / "both.json.gz", "wb", mtime=0) as file:
        file.write(text.encode())
    sys.stderr.write(f"{len(told)} runs, {len(text):,} bytes\n")


if __name__ == "__main__":
    main()
