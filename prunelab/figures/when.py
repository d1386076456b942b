"""When to prune, drawn: what each moment costs, and how sparsity and accuracy went meanwhile."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from prunelab.events import Epoch, Result
from prunelab.figures.look import PALETTES, Picture, Theme, accuracy, layout, percent
from prunelab.spec import RunSpec
from prunelab.speech import _
from prunelab.timing import WAYS, Timing, course, timing

SYMBOLS = ("circle", "square", "diamond", "cross")
DASHES = ("solid", "longdash", "dashdot", "dot")
PHASE = "train"  # of a method that prunes while it trains


class Cost(NamedTuple):
    """Accuracies of one timing over seeds, on the test part."""

    timing: Timing
    scores: list[float]
    dense: list[float]
    keys: list[str]

    @property
    def mean(self) -> float:
        """Their mean."""
        return statistics.fmean(self.scores)

    @property
    def sd(self) -> float:
        """Their sample deviation; 0 for one run."""
        return statistics.stdev(self.scores) if len(self.scores) > 1 else 0.0


def costs(results: Iterable[Result]) -> list[Cost]:
    """The finished runs by timing: ways in their usual order, moments rising."""
    found: dict[Timing, Cost] = {}
    for result in results:
        if "accuracy" not in result.recovered:
            continue
        when = timing(RunSpec.from_json(result.spec))
        cost = found.setdefault(when, Cost(when, [], [], []))
        cost.scores.append(result.recovered["accuracy"])
        cost.dense.append(result.dense["accuracy"])
        cost.keys.append(result.key)
    return [found[t] for t in sorted(found, key=lambda t: (_place(t.way), t.moment))]


def _place(way: str) -> int:
    return [*WAYS, way].index(way)


def when(results: Iterable[Result], *, theme: Theme = "light") -> Picture:
    """Accuracy against the moment pruning begins, a line for each way.

    Raises:
        ValueError: no run has an accuracy yet.
    """
    found = costs(results)
    if not found:
        raise ValueError("No run has an accuracy yet; the first dot appears when one finishes.")
    p, figure = PALETTES[theme], go.Figure()
    ways = list(dict.fromkeys(cost.timing.way for cost in found))
    dense = [score for cost in found for score in cost.dense]
    figure.add_hline(y=statistics.fmean(dense), line={"color": p.muted, "width": 1, "dash": "dot"})
    figure.add_annotation(
        xref="x domain", x=0, y=statistics.fmean(dense), text=_("dense, trained as long"),
        showarrow=False, xanchor="left", yanchor="bottom", font_color=p.muted,
    )  # fmt: skip
    for way in ways:
        mine = [cost for cost in found if cost.timing.way == way]
        for trace in _line(way, mine, p.methods[_place(way) % len(p.methods)]):
            figure.add_trace(trace)
    title = _title(found)
    layout(figure, title, theme=theme, height=420)
    figure.update_xaxes(
        title_text=_("share of training done when pruning begins"), tickformat=".0%",
        range=[-0.04, 1.04],
    )  # fmt: skip
    figure.update_yaxes(title_text=_("test accuracy"), tickformat=".0%")
    figure.update_layout(hovermode="closest", legend={"y": 1.02})
    seeds = max(len(cost.scores) for cost in found)
    note = _("Mean and sd of {seeds} seeds.", seeds=seeds) if seeds > 1 else _("One run each.")
    return Picture(
        title, figure, _("Line chart. {title}. {note}", title=title, note=note), _table(found)
    )


def _line(way: str, mine: Sequence[Cost], colour: str) -> list[go.Scatter]:
    x, mean = [c.timing.moment for c in mine], [c.mean for c in mine]
    place = _place(way) % len(SYMBOLS)
    drawn = []
    if any(c.sd for c in mine):
        up, down = [c.mean + c.sd for c in mine], [c.mean - c.sd for c in mine]
        drawn.append(
            go.Scatter(
                x=[*x, *x[::-1]], y=[*up, *down[::-1]], fill="toself", fillcolor=colour,
                opacity=0.16, line_width=0, mode="lines", hoverinfo="skip", showlegend=False,
            )
        )  # fmt: skip
    seeds = max(len(c.scores) for c in mine)
    told = [(c.keys[0], accuracy(c.mean), accuracy(c.sd), len(c.scores)) for c in mine]
    drawn.append(
        go.Scatter(
            x=x, y=mean, mode="lines+markers", customdata=told,
            name=_("{way} (sd of {seeds} seeds)", way=way, seeds=seeds)
            if seeds > 1 else _("{way} (one run)", way=way),
            line={"color": colour, "width": 2.2, "dash": DASHES[place]},
            marker={"symbol": SYMBOLS[place], "size": 9},
            hovertemplate=_(
                "<b>{way}</b> from %{{x:.0%}} on<br>%{{customdata[1]}} ± %{{customdata[2]}}, "
                "%{{customdata[3]}} runs<extra></extra>",
                way=way,
            ),
        )
    )  # fmt: skip
    return drawn


def _title(found: Sequence[Cost]) -> str:
    best, worst = max(found, key=lambda c: c.mean), min(found, key=lambda c: c.mean)
    if best is worst:
        return f"{_words(best.timing)}: {accuracy(best.mean)}"
    gap = 100 * (best.mean - worst.mean)
    return _(
        "{best} is {gap:.1f} points above {worst}",
        best=_words(best.timing), gap=gap, worst=_words(worst.timing, middle=True),
    )  # fmt: skip


def _words(when: Timing, *, middle: bool = False) -> str:
    share = _("{moment} of training", moment=percent(when.moment))
    if when.way == "at once":
        at = {0.0: "before training", 1.0: "after training"}.get(when.moment, f"at {share}")
        text = _("cutting at once {at}", at=at)
    else:
        way = {"in rounds": "rounds", "cubic": "a cubic curve"}.get(when.way, when.way)
        text = (
            _("{way} from the start", way=way)
            if when.moment == 0
            else _("{way} from {share} on", way=way, share=share)
        )
    return text if middle else text[0].upper() + text[1:]


def _table(found: Sequence[Cost]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "way": cost.timing.way,
                "begins at": cost.timing.moment,
                "accuracy": cost.mean,
                "sd": cost.sd if len(cost.scores) > 1 else None,
                "seeds": len(cost.scores),
                "dense": statistics.fmean(cost.dense),
            }
            for cost in found
        ]
    )


def courses(
    specs: Sequence[RunSpec], epochs: Mapping[str, Sequence[Epoch]], *, theme: Theme = "light"
) -> Picture:
    """Planned sparsity above, validation accuracy as it went below, over the epochs of training.

    ``epochs`` are those of the runs that have some, by key; several seeds are averaged.

    Raises:
        ValueError: no spec to draw.
    """
    drawn = _courses(specs, epochs)
    if not drawn:
        raise ValueError("There is nothing to draw: choose a way and a moment.")
    ways = list(dict.fromkeys(c.timing.way for c in drawn))
    stops = sorted({c.timing.moment for c in drawn})
    figure = make_subplots(
        2, len(ways), shared_xaxes=True, shared_yaxes=True, vertical_spacing=0.08,
        horizontal_spacing=0.03, column_titles=[_(way) for way in ways],
    )  # fmt: skip
    p = PALETTES[theme]
    for one in drawn:
        place, column = stops.index(one.timing.moment), ways.index(one.timing.way) + 1
        pen = {"color": _shade(p.kept, place, len(stops))}
        shown = column == 1 or not any(c.timing == (ways[0], one.timing.moment) for c in drawn)
        _pair(figure, one, pen, column, shown=shown)
    title = _("Each line begins to prune at another moment of the same training")
    layout(figure, title, theme=theme, height=470)
    figure.update_annotations(font={"size": 14, "color": p.ink})
    figure.update_xaxes(tickformat=".0%", tickvals=[0.25, 0.5, 0.75], range=[-0.02, 1.02])
    figure.update_xaxes(title_text=_("training done"), row=2)
    figure.update_yaxes(tickformat=".0%", range=[-0.03, 1.03])
    figure.update_yaxes(title_text=_("removed"), row=1, col=1)
    figure.update_yaxes(title_text=_("validation accuracy"), row=2, col=1)
    figure.update_layout(
        legend={"y": 1.09, "title": {"text": _("begins at "), "font_size": 13}}, margin={"t": 110}
    )
    return Picture(
        title,
        figure,
        _("Line charts. {title}: {ways}.", title=title, ways=", ".join(ways)),
        _steps(drawn),
    )


class Course(NamedTuple):
    """One timing: its plan, and the mean accuracy of the runs that have come so far."""

    timing: Timing
    plan: dict[float, float]
    share: list[float]
    right: list[float]
    seeds: int


def _courses(specs: Sequence[RunSpec], epochs: Mapping[str, Sequence[Epoch]]) -> list[Course]:
    found = []
    for when_ in sorted({timing(s) for s in specs}, key=lambda t: (_place(t.way), t.moment)):
        mine = [spec for spec in specs if timing(spec) == when_]
        trained = [[e for e in epochs.get(s.key, ()) if e.phase == PHASE] for s in mine]
        runs = [run for run in trained if run]
        length = min(map(len, runs), default=0)
        share = [runs[0][i].epoch / runs[0][i].epochs for i in range(length)]
        right = [statistics.fmean(run[i].accuracy for run in runs) for i in range(length)]
        found.append(Course(when_, course(mine[0]), share, right, len(runs)))
    return found


def _pair(
    figure: go.Figure, one: Course, pen: Mapping[str, str], column: int, *, shown: bool
) -> None:
    name = percent(one.timing.moment)
    for row, x, y, shape, noun in (
        (1, [*one.plan], [*one.plan.values()], "hv", _("removed")),
        (2, one.share, one.right, "linear", "right"),
    ):
        figure.add_trace(
            go.Scatter(
                x=x, y=y, mode="lines", name=name, legendgroup=name,
                line={**pen, "width": 2.2, "shape": shape}, showlegend=shown and row == 1,
                hovertemplate=_(
                    "from {name} on<br>%{{x:.0%}}: %{{y:.1%}} {noun}<extra></extra>",
                    name=name, noun=noun,
                ),
            ),
            row,
            column,
        )  # fmt: skip


def _steps(drawn: Sequence[Course]) -> pd.DataFrame:
    rows = [
        {
            "way": one.timing.way,
            "begins at": one.timing.moment,
            "done": x,
            "sparsity": max(s for t, s in one.plan.items() if t <= x + 1e-9),
            "validation accuracy": y,
            "seeds": one.seeds,
        }
        for one in drawn
        for x, y in zip(one.share, one.right, strict=True)
    ]
    names = ["way", "begins at", "done", "sparsity", "validation accuracy", "seeds"]
    return pd.DataFrame(rows, columns=names)


def _shade(colours: Sequence[str], place: int, of: int) -> str:
    """Later moments are paler, none so pale that it cannot be seen."""
    return colours[round(place / max(1, of - 1) * 6)]
