"""The runs of the rows: each is made by the product, once; dense networks are shared."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from prunelab import imports
from prunelab.events import Epoch, Result, fold
from prunelab.experiment import run
from prunelab.files import home
from prunelab.spec import RunSpec

EPOCHS = "epochs.json"  # what run.json leaves out


class Done(NamedTuple):
    """A run that has finished, and the folder of its files."""

    result: Result
    folder: Path


_USED: set[Path] = set()
_TOOK: list[float] = []  # seconds


def done(**fields: Any) -> Done:
    """The finished run of a spec: what was interrupted goes on, what is there is not run again.

    Raises:
        RuntimeError: it failed.
    """
    spec = RunSpec(**fields)
    folder = place() / "runs" / spec.key
    _USED.add(folder)
    if not (folder / EPOCHS).exists():
        result = fold(run(spec, files=folder, dense=place() / "dense"))
        if result.status != "finished":
            raise RuntimeError(f"{spec.key} {result.status}: {result.reason}\n{result.traceback}")
        print(f"  {spec.key}: {error(result):.2f} % wrong, {result.seconds:.0f} s", flush=True)
        told = [asdict(epoch) for epoch in result.epochs]
        (folder / EPOCHS).write_text(json.dumps(told), encoding="utf-8")
    told = json.loads((folder / EPOCHS).read_text(encoding="utf-8"))
    epochs = tuple(Epoch(**epoch) for epoch in told)
    result = replace(imports.result(folder), epochs=epochs)
    _TOOK.append(result.seconds)
    return Done(result, folder)


def errors(seeds: int, stage: str = "recovered", **fields: Any) -> list[float]:
    """Test error in percent of a spec, one a seed."""
    return [error(done(seed=seed, **fields).result, stage) for seed in range(seeds)]


def error(result: Result, stage: str = "recovered") -> float:
    """Test error in percent: "dense", "pruned" or "recovered"."""
    return 100 * (1 - float(getattr(result, stage)["accuracy"]))


def took() -> float:
    """Seconds of all the runs that were asked for so far, whenever they were made."""
    return sum(_TOOK)


def place() -> Path:
    """Where runs and dense networks are kept until all that was asked for is measured."""
    folder = home() / "reproductions"
    for part in ("dense", "runs"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    return folder


def forget() -> None:
    """Remove what this process used: the next time it runs anew, by the code as it is then."""
    for folder in _USED:
        shutil.rmtree(folder)
    _USED.clear()
    if not any((place() / "runs").iterdir()):
        shutil.rmtree(place())
