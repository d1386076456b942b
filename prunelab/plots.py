"""What can be drawn of a run, a sweep or a race, as plain plotly figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelab import answers, examples, fair, figures
from prunelab.controls import every
from prunelab.events import Result
from prunelab.figures import Which
from prunelab.layers import kept_units, layer_arrays
from prunelab.spec import RunSpec
from prunelab.store import Store

if TYPE_CHECKING:
    from prunelab.notebook import Race, Run, Sweep


@dataclass(frozen=True)
class Plots:
    """The figures of one run, as plotly figures."""

    run: Run

    def histogram(self, layer: str = "", quantity: str = "") -> Any:
        """Weights or scores before and after, with the threshold; of all layers or of one."""
        shown = quantity or ("weights" if self.run.result.epochs else "scores")
        return figures.histogram(self.run.result, shown, layer or None).figure

    def weights(self, layer: str) -> Any:
        """The weights of a layer as an image, what was removed left blank."""
        arrays = layer_arrays(self.run.folder, layer)
        return figures.weights(layer, *arrays).figure

    def tree(self) -> Any:
        """The tree before pruning, what was cut faded."""
        with np.load(self.run.folder / "tree.npz", allow_pickle=False) as file:
            return figures.tree(dict(file)).figure

    def heatmap(self) -> Any:
        """Sparsity of each layer over rounds or epochs."""
        return figures.heatmap(self.run.result).figure

    def layers(self) -> Any:
        """How much of each layer is left."""
        return figures.layers(self.run.result).figure

    def curve(self) -> Any:
        """Accuracy and loss over the epochs."""
        return figures.curve(self.run.result).figure

    def confusion(self) -> Any:
        """Which classes are taken for which, before and after."""
        classes = self.run.result.settings.get("classes", ())
        return figures.confusion(self.run.result, classes).figure

    def size(self) -> Any:
        """Bytes on disk in four forms."""
        return figures.size(self.run.result).figure

    def macs(self) -> Any:
        """Multiply-adds of one prediction."""
        return figures.macs(self.run.result).figure

    def latency(self) -> Any:
        """Time of one prediction, with its interval."""
        return figures.latency(self.run.result).figure

    def course(self, epoch: int | None = None) -> Any:
        """Accuracy and sparsity while a method prunes as it trains, a line at one epoch."""
        return figures.course(self.run.result, epoch).figure

    def pixels(self, epoch: int | None = None) -> Any:
        """Which inputs the first layer still reads, and by how many neurons."""
        return figures.pixels(self.run.result, epoch).figure

    def cells(self, layer: str = "", epoch: int | None = None) -> Any:
        """The weights of a layer that are there, and what came and went since the still before."""
        return figures.cells(self.run.result, layer, epoch).figure

    def values(self, layer: str = "", epoch: int | None = None) -> Any:
        """The values of the weights that are there, beside those of the start."""
        return figures.values(self.run.result, layer, epoch).figure

    def degrees(self, layer: str = "", epoch: int | None = None, *, out: bool = False) -> Any:
        """How many connections each neuron has; ``out``: each of its inputs."""
        return figures.degrees(self.run.result, layer, epoch, out=out).figure

    def topology(self, layer: str = "", *, out: bool = False) -> Any:
        """How the connections spread over the neurons of a layer, epoch by epoch."""
        return figures.topology(self.run.result, layer, out=out).figure

    def turnover(self) -> Any:
        """Connections that came and went between the epochs."""
        return figures.turnover(self.run.result).figure

    def movement(self, layer: str = "") -> Any:
        """Each weight before and after a training that prunes, kept or removed."""
        return figures.movement(self.run.result, layer).figure

    def gates(self, layer: str = "", epoch: int | None = None) -> Any:
        """What decides for each weight whether it stays: log α, or the chance of its gate."""
        return figures.gates(self.run.result, layer, epoch).figure

    def gallery(self, which: Which = "ends", *, kept: bool = True, of: str = "") -> Any:
        """Pictures of examples that stay, or go: the ends, the cut, or doubtful labels."""
        return figures.gallery(self.run.examples, which, kept=kept, of=of).figure

    def spread(self) -> Any:
        """How many examples have which score, kept and dropped."""
        return figures.spread(self.run.examples).figure

    def places(self) -> Any:
        """Every example in the plane of the two widest directions of its features."""
        return figures.places(self.run.examples).figure

    def finding(self) -> Any:
        """How many of the wrong labels one meets, going through the examples by score."""
        return figures.finding(self.run.examples).figure

    def work(self) -> Any:
        """Examples shown for choosing, and in training on all and on some."""
        return figures.work(self.run.result).figure


@dataclass(frozen=True)
class SweepPlots:
    """The figures of a sweep, as plotly figures."""

    sweep: Sweep

    def tradeoff(self) -> Any:
        """Accuracy against sparsity, every run a dot."""
        return figures.tradeoff([run.result for run in self.sweep.runs]).figure

    def perplexity(self) -> Any:
        """Test perplexity of language models against the share removed."""
        return figures.perplexity([run.result for run in self.sweep.runs]).figure

    def learned(self, *, steps: bool = True) -> Any:
        """Accuracy against the share of examples kept; ``steps``: trained as long as on all."""
        return figures.learned([run.result for run in self.sweep.runs], steps=steps).figure

    def compare(self, x: str = "compression", y: str = "accuracy") -> Any:
        """Any quality against any cost, with the front that nothing beats."""
        rows = fair.table(run.result for run in self.sweep.runs)
        axes = (fair.axis(x), fair.axis(y))
        return figures.compare(rows, x, y, axes).figure

    def gaps(self, other: str = "random") -> Any:
        """How far each method is from another, with its interval, filled where beyond chance."""
        rows = fair.table(run.result for run in self.sweep.runs)
        return figures.gaps(fair.compared(rows, other)).figure

    def balance(self, found: fair.Balance) -> Any:
        """What each sparsity of ``pl.balance`` loses, and what is tolerated."""
        return figures.balance(found).figure

    def damage(self, sparsity: float | None = None) -> Any:
        """Which classes pay, method by method."""
        found, classes = fair.by_series([run.result for run in self.sweep.runs], sparsity)
        return figures.damage(found, classes).figure

    def forgotten(self, series: str = "", sparsity: float | None = None) -> Any:
        """The test examples that the runs of one line forget, the first to go in front."""
        results = [run.result for run in self.sweep.runs]
        found, classes = fair.by_series(results, sparsity)
        name = series or next((n for n in found if not figures.is_baseline(n)), next(iter(found)))
        folders = {run.key: run.folder for run in self.sweep.runs}
        keys = {p.key for p in figures.points(results) if p.series == name and p.asked}
        line = answers.by_sparsity((r for r in results if r.key in keys), folders.__getitem__)
        at = RunSpec.from_json(found[name][0].spec).sparsity
        return figures.forgotten(name, line, at, classes).figure

    def rethinking(self, series: str, sparsity: float) -> Any:
        """Runs of one line at one sparsity beside their controls, those of them that are stored."""
        results = [run.result for run in self.sweep.runs]
        here = figures.points(results)
        keys = {p.key for p in here if (p.series, p.asked) == (series, sparsity)}
        runs = [result for result in results if result.key in keys]
        by_name: dict[str, list[Any]] = {}
        for run in runs:
            for name, spec in every(RunSpec.from_json(run.spec), run.plan).items():
                by_name.setdefault(name, []).append(spec.key)
        found = _controlled([key for keys in by_name.values() for key in keys])
        rows = {name: [found[k] for k in keys if k in found] for name, keys in by_name.items()}
        return figures.rethinking(series, sparsity, runs, rows).figure

    def agreement(self, sparsity: float | None = None) -> Any:
        """How much of what two methods keep is the same."""
        runs = {run.key: run for run in self.sweep.runs}
        found, _ = fair.by_series([run.result for run in runs.values()], sparsity)
        first = {name: results[0] for name, results in found.items()}
        masks = {name: kept_units(runs[result.key].folder) for name, result in first.items()}
        kept = 1 - min(float(result.sparsity["achieved"]) for result in first.values())
        return figures.agreement(fair.jaccard(masks), fair.by_chance(kept)).figure

    def together(self) -> Any:
        """Accuracy over the share of examples kept and of weights removed."""
        specs = [RunSpec.from_json(run.result.spec) for run in self.sweep.runs]
        return figures.together(specs, {r.key: r.result for r in self.sweep.runs}).figure

    def when(self) -> Any:
        """Accuracy against the moment pruning begins, for runs of ``pl.moments()``."""
        return figures.when([run.result for run in self.sweep.runs]).figure

    def courses(self) -> Any:
        """Sparsity and validation accuracy over training, for runs of ``pl.moments()``."""
        results = [run.result for run in self.sweep.runs]
        specs = [RunSpec.from_json(result.spec) for result in results]
        return figures.courses(specs, {result.key: result.epochs for result in results}).figure


def _controlled(keys: list[str]) -> dict[str, Result]:
    """Finished controls by key: those that shipped and those of the store."""
    rows = Store().rows(keys)
    mine = {row.key: row.result for row in rows if row.state == "finished"}
    return {k: r for k, r in examples.controls().items() if k in keys} | mine


@dataclass(frozen=True)
class RacePlots:
    """The figures of a race, as plotly figures."""

    ran: Race

    def race(self, *, even: bool = False) -> Any:
        """Accuracy of each lane against sparsity, a band over the seeds, medals where earned."""
        return figures.race(self.ran.arrivals, even=even).figure

    def ahead(self, sparsity: float | None = None) -> Any:
        """How far the winning ticket is ahead of each control, with an interval."""
        return figures.ahead(self.ran.arrivals, sparsity).figure
