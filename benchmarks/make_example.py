"""Makes the example that ships with PruneLab: ``python benchmarks/make_example.py``.

Real runs: LeNet-300-100 on digits, magnitude and random pruning, seven sparsities, three seeds.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from prunelab import examples
from prunelab.catalogue import catalogue, with_baselines
from prunelab.events import Event, Result, fold, to_json
from prunelab.experiment import run
from prunelab.spec import RunSpec, sweep

SHOWN = RunSpec()
SPARSITIES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
HEAVY = {"settings": {}, "manifest": {}, "layers": (), "epochs": (), "masks": (), "histograms": {}}


def main() -> None:
    """Run the sweep and write the example's files."""
    specs = with_baselines(sweep(SHOWN, sparsity=SPARSITIES, seed=range(3)), catalogue())
    with tempfile.TemporaryDirectory() as folder:
        results = [_run(spec, Path(folder)) for spec in specs]
        shown = next(events for spec, events in zip(specs, results, strict=True) if spec == SHOWN)
        _keep(Path(folder) / SHOWN.key)
    told = {
        "events": [to_json(event) for event in shown],
        "sweep": [_headline(fold(events)) for events in results],
        "layer": fold(shown).layers[1]["name"],
    }
    text = json.dumps(told, separators=(",", ":"))
    with gzip.GzipFile(examples.FOLDER / "example.json.gz", "wb", mtime=0) as file:
        file.write(text.encode())


def _run(spec: RunSpec, folder: Path) -> list[Event]:
    events = list(run(spec, files=folder / spec.key, dense=folder / "dense"))
    result = fold(events)
    sys.stderr.write(f"{result.status} {spec.key} {result.recovered.get('accuracy')}\n")
    if result.status != "finished":
        raise RuntimeError(f"{spec.key}: {result.reason}\n{result.traceback}")
    return events


def _headline(result: Result) -> dict[str, object]:
    """What the store keeps of a run in its list; confusion tables are not part of it here."""
    short = {**asdict(result), **HEAVY}
    for stage in ("dense", "pruned", "recovered"):
        short[stage] = {"accuracy": getattr(result, stage)["accuracy"]}
    return short


def _keep(folder: Path) -> None:
    """The weights in half precision and the masks: enough for pictures, small enough to ship."""
    examples.FOLDER.mkdir(exist_ok=True)
    dense = load_file(folder / "dense.safetensors")
    halves = {n: w.astype(np.float16) for n, w in dense.items() if n.endswith("weight")}
    save_file(halves, examples.FOLDER / "dense.safetensors")
    masks = load_file(folder / "masks.safetensors")
    save_file(masks, examples.FOLDER / "masks.safetensors")


if __name__ == "__main__":
    main()
