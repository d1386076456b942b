"""A forecast before a run: what would be left of each layer, and where a network would break."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from prunelab import aside
from prunelab.catalogue import catalogue, validate
from prunelab.spec import RunSpec, SpecError
from prunelab.speech import _, mark

FORMAT = 1  # of the file; another number computes it anew
SPARSITIES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
FIRST = ("magnitude", "snip", "synflow", "random")  # to begin with
FLOOR = 20  # weights of every layer that stay, where that is asked for
OWN = "own"  # the method's own way to share among the layers
WAYS = {
    OWN: mark("as the method does"),
    "erk": mark("by Erdős-Rényi"),
    "uniform": mark("the same share of every layer"),
    "floor": mark("with a floor in every layer"),
}
FILE = "forecast.json"
Rows = list[dict[str, Any]]


class Cliff(NamedTuple):
    """Between which two sparsities a network breaks: ``whole`` is the last that does not.

    ``broken`` is None where none of those tried breaks it.
    """

    whole: float
    broken: float | None
    why: str


@dataclass(frozen=True)
class Forecast:
    """What a forecast found: plain rows, drawn by ``plot``."""

    told: Mapping[str, Any]

    @property
    def methods(self) -> list[str]:
        """The methods, as they were asked for."""
        return list(self.told["methods"])

    @property
    def notes(self) -> dict[str, str]:
        """What is to be known of the forecast of a method, where there is something."""
        return {name: note for name, note in self.told["methods"].items() if note}

    @property
    def sparsities(self) -> list[float]:
        """The sparsities that were tried."""
        return list(self.told["sparsities"])

    @property
    def layers(self) -> dict[str, int]:
        """The weights of each layer, from the input on."""
        return dict(self.told["layers"])

    @property
    def table(self) -> pd.DataFrame:
        """One row for each method, way, sparsity and layer: weights kept, and those on a path."""
        return pd.DataFrame(self.told["rows"])

    @property
    def paths(self) -> pd.DataFrame:
        """One row for each method, way and sparsity: paths, outputs with one, layers with none."""
        return pd.DataFrame(self.told["paths"])

    def cliff(self, method: str, way: str = OWN) -> Cliff:
        """Where a method breaks the network."""
        return Cliff(**self.told["cliffs"][way][method])

    @property
    def cliffs(self) -> pd.DataFrame:
        """All of them."""
        return pd.DataFrame(
            [
                {"method": method, "way": way, **cliff}
                for way, found in self.told["cliffs"].items()
                for method, cliff in found.items()
            ]
        )

    @property
    def plot(self) -> Plots:
        """Figures: ``forecast.plot.paths()`` and the others."""
        return Plots(self)


@dataclass(frozen=True)
class Plots:
    """The figures of a forecast, as plotly figures."""

    forecast: Forecast

    def paths(self, way: str = OWN) -> Any:
        """Paths that stay open against sparsity, with the cliffs."""
        from prunelab import figures

        return figures.paths(self.forecast, way=way).figure

    def ribbons(self, sparsity: float, way: str = OWN) -> Any:
        """What is left of each layer at a sparsity, one ribbon a method."""
        from prunelab import figures

        return figures.ribbons(self.forecast, sparsity, way=way).figure

    def survivors(self, way: str = OWN) -> Any:
        """What is left of each layer at every sparsity."""
        from prunelab import figures

        return figures.survivors(self.forecast, way=way).figure


def unforeseen(entry: Mapping[str, Any], units: Mapping[str, Any]) -> str:
    """Why nothing can be foretold of a method, as a sentence; empty if it can."""
    if not any("network" in units[u]["needs"] for u in entry["units"]):
        return _("it prunes no network")
    if entry["learns"] and entry["schedule"] != "one-shot":
        return _("it learns its scores while it trains, so there are none to look at before")
    return ""


def forecast(
    *,
    method: str | Sequence[str] = "magnitude",
    sparsity: Iterable[float] = SPARSITIES,
    floor: int = FLOOR,
    progress: Callable[[str, float], None] | None = None,
    **fields: Any,
) -> Forecast:
    """Compute a forecast here: scores once, then the masks of every sparsity and way to share.

    The dense network is trained where a method scores a trained one, and kept for later runs.

    Args:
        method: one, or several.
        sparsity: those to try.
        floor: weights of every layer that stay in the way "floor".
        progress: told what is done at present, and which share is done.
        fields: of RunSpec: data, model, seed, epochs, knobs...

    Raises:
        SpecError: a spec that cannot run, or a method of which nothing can be foretold.
    """
    from prunelab.forecasting import compute  # brings torch

    names = [method] if isinstance(method, str) else list(method)
    return Forecast(
        compute(order(RunSpec(**fields), names, sparsity, floor), progress or (lambda *_told: None))
    )


def order(
    base: RunSpec,
    methods: Sequence[str],
    sparsities: Iterable[float] = SPARSITIES,
    floor: int = FLOOR,
) -> dict[str, Any]:
    """What to compute, as plain data, checked.

    Raises:
        SpecError: as ``forecast``.
    """
    known, tried = catalogue(), sorted(set(sparsities))
    if not methods or not tried:
        raise SpecError("A forecast needs at least one method and one sparsity.")
    for name in methods:
        for sparsity in (tried[0], tried[-1]):
            validate(replace(base, method=name, sparsity=sparsity, floor=floor), known)
        if why := unforeseen(known["methods"][name], known["units"]):
            raise SpecError(f"Nothing can be foretold of {name}: {why}.")
    plain = replace(base, method=RunSpec.method, sparsity=RunSpec.sparsity).to_json()
    return {
        "format": FORMAT, "spec": plain, "methods": sorted(methods), "sparsities": tried,
        "floor": floor,
    }  # fmt: skip


def place(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """Where a forecast is or will be."""
    return aside.place("forecasts", ordered, home)


def start(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """Begin to compute a forecast in another process, unless it goes on or is there.

    Raises:
        SpecError: the process cannot start or the folder cannot be written.
    """
    folder = place(ordered, home)
    return aside.order(folder, "prunelab.forecasting", [json.dumps(ordered)], home, "forecast")


def read(folder: Path) -> Forecast | None:
    """A forecast that is done; None while it is not.

    Raises:
        SpecError: the file is damaged.
    """

    def made(told: Any) -> Forecast:
        found = Forecast(told)
        _parts = found.layers, found.cliffs, found.table["kept"]
        return found

    return aside.answer(folder / FILE, made, "forecast")
