"""Makes the training-time examples that ship with PruneLab: ``python benchmarks/make_training.py``.

Real runs, one for each kind of picture: LeNet-300-100 on digits, 95 % of the weights removed.
"""

from __future__ import annotations

import gzip
import json
import sys

from prunelab import examples
from prunelab.events import Histogram, fold, to_json
from prunelab.experiment import run
from prunelab.spec import RunSpec


def main() -> None:
    """Run each method and write what it told; histograms that no page of it shows are left out."""
    for method in examples.TRAINING:
        spec = RunSpec(method=method, sparsity=0.95)
        events = list(run(spec))
        result = fold(events)
        sys.stderr.write(f"{result.status} {spec.key} {result.recovered.get('accuracy')}\n")
        if result.status != "finished":
            raise RuntimeError(f"{spec.key}: {result.reason}\n{result.traceback}")
        told = [to_json(event) for event in events if not isinstance(event, Histogram)]
        text = json.dumps(told, separators=(",", ":"))
        path = examples.FOLDER / f"training-{method}.json.gz"
        with gzip.GzipFile(path, "wb", mtime=0) as file:
            file.write(text.encode())


if __name__ == "__main__":
    main()
