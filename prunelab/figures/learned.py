"""What the examples that stay are worth: accuracy by share kept, and how much training it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go

from prunelab.events import Result
from prunelab.figures.comparison import Axes, ribbons
from prunelab.figures.look import (
    PALETTES,
    Picture,
    Theme,
    accuracy,
    count,
    is_baseline,
    layout,
    percent,
)
from prunelab.figures.means import Line, lines, points
from prunelab.speech import _, many, mark

FEWER, REPEATED, SCORING = mark("fewer examples"), mark("repeated"), "score "


def learned(results: Iterable[Result], *, steps: bool = True, theme: Theme = "light") -> Picture:
    """Accuracy against the share of examples kept, all runs dots, lines of means, bands of one sd.

    ``steps``: trained for as many steps as on all examples; otherwise for as many epochs.

    Raises:
        ValueError: no run has an accuracy yet.
    """
    done = list(results)
    found = points(done if steps else [replace(r, recovered=r.pruned) for r in done])
    if not found:
        raise ValueError("No run has an accuracy yet; the first dot appears when one finishes.")
    drawn = lines(found)
    title = _learned_title(drawn)
    figure = ribbons(found, drawn, title, Axes(), theme=theme)
    stops = sorted({p.asked for p in found})
    left = min(stops) - 0.04 * (1 - min(stops)) - 0.01
    figure.update_xaxes(
        title_text=_("share of the examples kept"), tickvals=stops,
        ticktext=[percent(round(1 - s, 4)) for s in stops], range=[left, 1.005],
    )  # fmt: skip
    figure.update_layout(height=480)
    table = pd.DataFrame(
        {"method": line.series, "kept": 1 - s, "accuracy": m, "sd": sd if n > 1 else None,
         "seeds": n}
        for line in drawn
        for s, m, sd, n in zip(line.sparsity, line.mean, line.spread, line.seeds, strict=True)
    )  # fmt: skip
    return Picture(title, figure, _("Line chart. {title}.", title=title), table)


def _learned_title(drawn: list[Line]) -> str:
    """Where random is beaten by more than the spread of both, and where it is not."""
    random = next((line for line in drawn if is_baseline(line.method)), None)
    others = [line for line in drawn if not is_baseline(line.method)]
    if random is None or not others:
        line = drawn[0]
        return _(
            "{series}: {mean} with {value} kept",
            series=line.series,
            mean=accuracy(line.mean[0]),
            value=percent(1 - line.sparsity[0]),
        )
    said = []
    for kept, ahead in sorted(_ahead(random, others).items()):
        said.append(f"{ahead or _('nobody')} at {percent(kept)}")
    return _("Ahead of random by more than the spread: ") + ", ".join(said)


def _ahead(random: Line, others: list[Line]) -> dict[float, str]:
    found: dict[float, str] = {}
    for n, sparsity in enumerate(random.sparsity):
        best, gap = "", 0.0
        for line in others:
            if sparsity not in line.sparsity:
                continue
            at = line.sparsity.index(sparsity)
            lead = line.mean[at] - random.mean[n] - line.spread[at] - random.spread[n]
            if lead > gap and min(line.seeds[at], random.seeds[n]) > 1:
                best, gap = line.series, lead
        found[round(1 - sparsity, 4)] = best
    return found


class Work(NamedTuple):
    """How many examples the network was shown: for choosing, and training on all or on some."""

    everything: int
    choosing: int
    fewer: int
    repeated: int

    @property
    def saved(self) -> int:
        """Less in one training."""
        return self.everything - self.fewer


def work_numbers(result: Result) -> Work:
    """The examples shown in each part of a run, an example counted each time.

    Raises:
        ValueError: the run chose no examples, or was of a model that takes no epochs.
    """
    rows, kept = result.settings["parts"]["train"], sum(r["kept"] for r in result.layers)
    if FEWER not in result.plan:
        raise ValueError("A tree is grown at once; there are no epochs to save.")
    scoring = [epochs for phase, epochs in result.plan.items() if phase.startswith(SCORING)]
    share = 1 - 1 / len(scoring) if result.settings.get("watch") == "folds" else 1.0
    return Work(
        everything=result.plan[FEWER] * rows,
        choosing=round(sum(scoring) * rows * share),
        fewer=result.plan[FEWER] * kept,
        repeated=result.plan.get(REPEATED, 0) * rows,
    )


def work(result: Result, *, theme: Theme = "light") -> Picture:
    """Examples shown in training on all and on those that stay, and what choosing them took.

    Raises:
        ValueError: the run took no epochs.
    """
    found = work_numbers(result)
    p = PALETTES[theme]
    bars = (
        (_("training on all"), found.everything, 0),
        (_("choosing, then training<br>on what stays"), found.fewer, found.choosing),
    )
    figure = go.Figure()
    for name, values, colour in (
        (_("choosing"), [b[2] for b in bars], p.faint),
        (_("training"), [b[1] for b in bars], p.accent),
    ):
        figure.add_trace(
            go.Bar(
                y=[b[0] for b in bars], x=values, orientation="h", name=name, marker_color=colour,
                hovertemplate=_("%{{x:,}} examples shown for {name}<extra></extra>", name=name),
            )
        )  # fmt: skip
    title = _work_title(found)
    layout(figure, title, theme=theme, height=250)
    figure.update_layout(barmode="stack")
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title_text=_("examples shown to the network, each time counted"))
    table = pd.DataFrame(
        {"part": ["training on all", "choosing", "training on what stays"],
         "examples shown": [found.everything, found.choosing, found.fewer]}
    )  # fmt: skip
    return Picture(title, figure, _("Bar chart. {title}.", title=title), table)


def _work_title(found: Work) -> str:
    share = percent(found.saved / found.everything)
    if not found.choosing:
        return _(
            "Each training is {share} shorter; choosing took no training of its own", share=share
        )
    if not found.saved:
        return _("Nothing was removed, so nothing is saved")
    times = -(-found.choosing // found.saved)
    return many(
        "Each training is {share} shorter; choosing took {shown} examples shown, "
        "paid back after {n} training",
        "Each training is {share} shorter; choosing took {shown} examples shown, "
        "paid back after {n} trainings",
        times, share=share, shown=count(found.choosing), n=count(times),
    )  # fmt: skip
