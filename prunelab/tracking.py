"""Runs for MLflow or TensorBoard as a zip file, by another process: one of the writers is torch's.

``prunelab.trackers`` writes them; here they are ordered by a page and found again.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prunelab import aside, examples, trackers
from prunelab.events import Result
from prunelab.space import Space
from prunelab.spec import SpecError
from prunelab.store import Store

KIND, ORDER = "tracked", "order.json"
OPEN = {
    "mlflow": "mlflow ui --backend-store-uri sqlite:///mlflow.db",
    "tensorboard": "tensorboard --logdir .",
}


def order(space: Space, keys: Iterable[str], to: str) -> dict[str, Any]:
    """What to write: finished runs by their keys in the store; a run that is made anew is another.

    A key that the store does not have is that of a run that came with PruneLab.
    """
    wanted = dict.fromkeys(keys)
    there = {told: (row.key, row.place) for told, row in space.found(wanted).items()}
    return {"to": to, "runs": sorted(there.get(key, (key, 0)) for key in wanted)}


def place(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """The folder of an order."""
    return aside.place(KIND, ordered, home)


def start(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """Begin to write in another process, unless that goes on or is done.

    Raises:
        SpecError: the tool is not installed, or nothing can be written.
    """
    if why := trackers.missing(ordered["to"]):
        raise SpecError(why)
    folder = place(ordered, home)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside.keep(folder / ORDER, ordered)
    except OSError as error:
        raise SpecError(f"The runs cannot be written in {folder} ({error}).") from error
    return aside.order(folder, "prunelab.tracking", [], home, "file of runs")


def file(folder: Path, to: str) -> Path:
    """The zip file of an order that is done."""
    return folder / f"prunelab-{to}.zip"


def forget(home: Path, key: str) -> None:
    """Remove what was written of a stored run that is deleted."""
    for path in (home / KIND).glob(f"*/{ORDER}"):
        if any(name == key for name, _ in json.loads(path.read_text(encoding="utf-8"))["runs"]):
            shutil.rmtree(path.parent, ignore_errors=True)


def main(folder: Path) -> int:
    """Write what was ordered into its folder, and say how far it is."""
    ordered = json.loads((folder / ORDER).read_text(encoding="utf-8"))

    def write(tell: aside.Tell) -> None:
        results = _results([key for key, _ in ordered["runs"]])
        tell("Writing", 0.3)
        with tempfile.TemporaryDirectory(dir=folder) as tmp:
            runs = Path(tmp) / "runs"
            trackers.track(results, ordered["to"], runs)
            (runs / "README.txt").write_text(f"Here: {OPEN[ordered['to']]}\n", encoding="utf-8")
            tell("Packing", 0.9)
            made = shutil.make_archive(str(Path(tmp) / "packed"), "zip", runs)
            Path(made).replace(file(folder, ordered["to"]))

    return aside.work(folder, "Reading the runs", write)


def _results(keys: Iterable[str]) -> list[Result]:
    store, shipped = Store(), examples.comparison()
    return [shipped[k] if k in shipped and not store.rows([k]) else store.result(k) for k in keys]


if __name__ == "__main__":
    aside.calm()
    sys.exit(main(Path(sys.argv[1])))
