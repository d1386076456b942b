"""Prunes a network stop by stop for ``pair``: ``python -m prunelab.pairing ORDER FOLDER``."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from prunelab import aside
from prunelab.artefacts import load_model
from prunelab.events import Failed, fold
from prunelab.experiment import run
from prunelab.files import home
from prunelab.forecasting import Tell
from prunelab.job import prepare
from prunelab.measure.quality import quality
from prunelab.pair import FILE, Pair, write
from prunelab.parts import Parts
from prunelab.spec import RunSpec, SpecError
from prunelab.storage import DENSE


def compute(ordered: Mapping[str, Any], tell: Tell) -> Pair:
    """One run for every share that stays.

    Raises:
        SpecError: a spec that cannot run, or a run that fails.
    """
    base = RunSpec.from_json(ordered["spec"])
    parts = prepare(base).parts
    plane = torch.from_numpy(_plane(ordered, parts))
    rows = []
    for number, left in enumerate(ordered["left"]):
        tell(f"Training with {100 * left:g} % of the weights", number / len(ordered["left"]))
        net, kept = _pruned(replace(base, sparsity=round(1 - left, 6)))
        with torch.no_grad():
            answers = net(plane).argmax(1).to(torch.uint8).numpy()
        accuracies = (
            float(quality(net, part, len(parts.classes))["accuracy"])
            for part in (parts.train, parts.validation)
        )
        rows.append((kept, *accuracies, answers.reshape(ordered["cells"], -1)))
    weights, train, validation, answers = zip(*rows, strict=True)
    return Pair(weights, train, validation, len(parts.validation.y), np.stack(answers))


def _pruned(spec: RunSpec) -> tuple[Any, int]:
    """The network of a run on the processor, and how many of its weights stay."""
    with TemporaryDirectory() as folder:
        events = list(run(spec, files=Path(folder), dense=home() / "files" / DENSE))
        if isinstance(events[-1], Failed):
            raise SpecError(events[-1].reason)
        share = fold(events).sparsity
        return load_model(Path(folder)), round((1 - share["achieved"]) * share["of"])


def _plane(ordered: Mapping[str, Any], parts: Parts) -> NDArray[np.float32]:
    """(cells · cells, 2): the middle of every cell, standardised as the network knows it."""
    x, y = (np.linspace(low, high, ordered["cells"]) for low, high in ordered["ends"])
    points = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    return ((points - parts.mean) / parts.deviation).astype(np.float32)


def main(ordered: Mapping[str, Any], folder: Path) -> int:
    """Prune, and say how far it is."""
    path = folder / FILE
    return aside.work(folder, "Loading PyTorch", lambda tell: write(path, compute(ordered, tell)))


if __name__ == "__main__":
    aside.calm()
    sys.exit(main(json.loads(sys.argv[1]), Path(sys.argv[2])))
