"""The notebook's face: run, sweep and load, with plots that are plain plotly and plain tables."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm.auto import tqdm

from prunelab import examples, fair, figures, imports, presets, trackers
from prunelab.catalogue import catalogue, validate, with_baselines
from prunelab.events import Epoch, Event, Result, Started, fold
from prunelab.files import keep_file
from prunelab.local import follow
from prunelab.lottery import LANES, Arrival, Starter, arrivals, starters
from prunelab.plots import Plots, RacePlots, SweepPlots
from prunelab.spec import RunSpec, SpecError
from prunelab.store import Store
from prunelab.subject import shared
from prunelab.summaries import sentence, summary

if TYPE_CHECKING:
    from prunelab.export import Export


@dataclass(frozen=True)
class Run:
    """A run that has ended: its numbers, its models, its plots."""

    result: Result
    store: Store
    folder: Path  # of its files

    @property
    def key(self) -> str:
        """The name of the run, the same as in the app's address."""
        return self.result.key

    @property
    def model(self) -> Any:
        """The pruned model: a torch module or a scikit-learn estimator."""
        return _load(self, "model")

    @property
    def dense(self) -> Any:
        """The network before pruning."""
        return _load(self, "dense")

    def export(self, to: str | os.PathLike[str], **more: Any) -> Export:
        """Write the model and all that belongs to it into a new folder, or a zip: ``"x.zip"``.

        More: as ``prunelab.export.export``, such as ``form="fastest"`` and ``onnx=False``.

        Raises:
            SpecError: something is there already, or the ONNX file computes something else.
        """
        from prunelab.export import export  # brings torch

        return export(self.result, self.folder, Path(to), **more)

    @property
    def table(self) -> pd.DataFrame:
        """One row a layer: shape, units, kept, sparsity."""
        return figures.layer_table(self.result)

    @property
    def examples(self) -> figures.Chosen:
        """Every example of the training part: score, label, whether it stays.

        Raises:
            ValueError: the run removed no examples.
        """
        path = self.folder / "examples.npz"
        if not path.exists():
            raise ValueError(f"{self.key} removed {self.result.unit}, not examples.")
        with np.load(path, allow_pickle=False) as arrays:
            return figures.chosen(arrays)

    @property
    def kept_indices(self) -> NDArray[np.int64]:
        """Rows of the source that stay, ascending; they are rows of the training part.

        Raises:
            ValueError: the run removed no examples.
        """
        found = self.examples
        return np.sort(found.row[found.kept])

    @property
    def costs(self) -> pd.DataFrame:
        """The cost card: what the network costs dense, with zeros, and shrunk."""
        return figures.card(self.result)

    @property
    def plot(self) -> Plots:
        """Figures of this run: ``run.plot.histogram()`` and the others."""
        return Plots(self)

    def explore(self) -> Any:
        """Every figure of this run under menus and a slider, in a notebook; needs ipywidgets."""
        from prunelab.explorer import explore

        return explore(self)

    def __repr__(self) -> str:
        return f"Run({self.key}): {sentence(self.result)}"


@dataclass(frozen=True)
class Sweep:
    """Several runs side by side."""

    runs: tuple[Run, ...]

    @property
    def table(self) -> pd.DataFrame:
        """Mean and spread over the seeds, one row for each method and sparsity."""
        return pd.DataFrame(summary(run.result for run in self.runs))

    def track(self, to: str, into: str | os.PathLike[str]) -> Path:
        """Write all runs for ``"mlflow"`` or ``"tensorboard"`` into a folder."""
        return trackers.track([run.result for run in self.runs], to, Path(into))

    @property
    def referee(self) -> fair.Judgement:
        """A grade for these runs as a comparison, and each rule that is broken."""
        return fair.referee((run.result for run in self.runs), catalogue())

    def against(self, other: str = "random", quality: str = "accuracy") -> pd.DataFrame:
        """Every method against one of them, seed by seed: gap, interval, p after Holm."""
        rows = fair.table(run.result for run in self.runs)
        more = fair.QUALITIES[quality].more
        found = fair.compared(rows, other, value=quality, more=more)
        return pd.DataFrame([one._asdict() | {"said": one.said} for one in found])

    @property
    def plot(self) -> SweepPlots:
        """Figures of the sweep: ``sweep.plot.tradeoff()``."""
        return SweepPlots(self)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)


@dataclass(frozen=True)
class Race:
    """Lottery tickets and their controls, seed by seed."""

    starters: tuple[Starter, ...]
    runs: tuple[Run, ...]

    @property
    def arrivals(self) -> list[Arrival]:
        """Every run that has ended: lane, sparsity, seed, accuracy."""
        return arrivals(self.starters, {run.key: run.result for run in self.runs})

    @property
    def medals(self) -> pd.DataFrame:
        """Who leads at each sparsity, and whether that is beyond chance."""
        return figures.medal_table(self.arrivals)

    @property
    def lanes(self) -> pd.DataFrame:
        """How long each lane trained in all, and how well it did."""
        return figures.lane_table(self.arrivals)

    @property
    def plot(self) -> RacePlots:
        """Figures of the race: ``race.plot.race()`` and ``race.plot.ahead()``."""
        return RacePlots(self)


def run(*, again: bool = False, progress: bool = True, **fields: Any) -> Run:
    """Run one spec here and keep it; one that is stored already is not run again.

    Args:
        again: run it even so.
        progress: show a bar.
        fields: of RunSpec: data, model, method, sparsity, recover, seed, epochs... ``weights`` is a
            .safetensors or .skops file of your own.

    Raises:
        SpecError: the spec cannot run.
        RuntimeError: the run failed; the message says why.
    """
    if isinstance(fields.get("weights"), str | os.PathLike) and fields["weights"]:
        fields["weights"] = keep_file(os.fspath(fields["weights"]))
    spec = RunSpec(**fields)
    validate(spec)
    store = Store()
    result = fold(_shown(follow(spec, store, again=again), spec, progress))
    if result.status != "finished":
        raise RuntimeError(f"{spec.key} {result.status}: {result.reason} {result.advice}".strip())
    return Run(result, store, store.folder(spec.key))


def sweep(
    *,
    preset: str = "",
    again: bool = False,
    progress: bool = True,
    baselines: bool = True,
    together: bool = True,
    **fields: Any,
) -> Sweep:
    """Run every combination of the lists given, with random pruning beside them.

    A ``preset`` chooses the methods, and sparsities and seeds where they are not given:
    ``pl.sweep(preset="gale", data="digits")``. Small networks train ``together`` where that is
    faster here: the same examples in the same order, sums rounded in another.

    Raises:
        SpecError: one of the specs cannot run; none has started.
        RuntimeError: a run failed.
    """
    specs = presets.specs(preset, fields) if preset else presets.combine(fields)
    if baselines and not preset:
        specs = with_baselines(specs, catalogue())
    for spec in specs:
        validate(spec)
    from prunelab.together import runs  # brings torch

    calls = [functools.partial(run, again=again, progress=False, **vars(spec)) for spec in specs]
    with shared(), tqdm(total=len(specs), disable=not progress, unit="run") as bar:
        return Sweep(tuple(runs(specs, calls, Store().home, bar.update, together=together)))


def race(
    *,
    sparsity: Iterable[float],
    seed: Iterable[int],
    lanes: Iterable[str] = tuple(LANES),
    progress: bool = True,
    **fields: Any,
) -> Race:
    """Race the winning ticket against its controls; runs that are stored are not run again.

    Args:
        sparsity: where to compare.
        seed: of each lane; three are few, five begin to tell.
        lanes: which of ``prunelab.lottery.LANES``.
        progress: show a bar.
        fields: of RunSpec: data, model, epochs, and knobs (``rewind_epoch``, ``rate``).

    Raises:
        SpecError: one of the specs cannot run; none has started.
        RuntimeError: a run failed.
    """
    base = RunSpec(method="lottery-ticket", **fields)
    validate(base)
    epochs = base.epochs or catalogue()["datasets"][base.data]["epochs"]
    entered = starters(base, tuple(sparsity), tuple(seed), epochs=epochs, lanes=lanes)
    for starter in entered:
        validate(starter.spec)
    bar = tqdm(entered, disable=not progress, unit="run")
    runs = tuple(run(progress=False, **vars(starter.spec)) for starter in bar)
    return Race(tuple(entered), runs)


def load(key: str) -> Run:
    """Open a stored run by its name, or an exported one by its folder or zip.

    Raises:
        StoreError: there is no such run.
        SpecError: the folder or zip is not what a run exports, or was changed since.
    """
    store = Store()
    if imports.is_export(key):
        folder = imports.bring(key)
        return Run(imports.result(folder), store, folder)
    return Run(store.result(key), store, store.folder(key))


def stored(*keys: str, limit: int = 1000, **filters: str) -> Sweep:
    """Finished runs of the store side by side: by name, or by data, model and method.

    Raises:
        SpecError: none is there.
    """
    store = Store()
    chosen: dict[str, Any] = filters | ({"key": list(keys)} if keys else {})
    rows = store.runs(limit=limit, state="finished", **chosen)
    if not rows:
        raise SpecError("No finished run in this store is what you asked for.")
    return Sweep(tuple(load(row.key) for row in reversed(rows)))


def example() -> Sweep:
    """The comparison that ships with PruneLab: three methods on digits, five sparsities."""
    store, found = Store(), examples.comparison().values()
    return Sweep(tuple(Run(r, store, examples.compared_folder(r.key)) for r in found))


def _load(run: Run, stage: str) -> Any:
    from prunelab.artefacts import load_model  # brings torch

    return load_model(run.folder, stage)


def _shown(events: Iterable[Event], spec: RunSpec, progress: bool) -> Iterator[Event]:
    """The same events, with a bar that follows the epochs."""
    with tqdm(desc=spec.method, disable=not progress, unit="epoch", file=sys.stderr) as bar:
        for event in events:
            if isinstance(event, Started):
                bar.total = sum(event.plan.values()) or None
            if isinstance(event, Epoch):
                bar.set_postfix(phase=event.phase, accuracy=f"{event.accuracy:.3f}", refresh=False)
                bar.update()
            yield event
