"""Who paid: the test examples that dense models get right and pruned ones do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from prunelab.figures.gallery import sheet, short, spread_out
from prunelab.figures.look import PALETTES, Picture, Theme, count, layout, percent, scale
from prunelab.harmless import label
from prunelab.speech import _

MOST = 18  # pictures
ROWS, COLUMNS = 15, 6  # of a table
FAR = 3  # deviations from the mean, where colours end
Answers = Mapping[str, NDArray[Any]]


class Forgotten(NamedTuple):
    """One test example that most pruned models of a line get wrong and most dense ones right."""

    example: int  # its place in the test part
    label: int
    dense: int  # what the dense models say most often
    says: int  # what the pruned models say most often, where they are wrong
    seeds: int  # of them that are wrong
    first: float  # the sparsity from which on most are wrong


def forget(line: Mapping[float, Sequence[Answers]], at: float) -> list[Forgotten]:
    """The examples forgotten at a sparsity, those that went first and surest in front.

    ``line`` has the answers of each seed by sparsity (Hooker et al. 2019 call such examples
    pruning-identified).

    Raises:
        ValueError: no run at that sparsity kept its answers.
    """
    if not line.get(at):
        raise ValueError("Which examples were forgotten is known of runs that kept their answers.")
    label = line[at][0]["label"]
    lost = {asked: _lost(runs) for asked, runs in line.items() if runs and asked <= at}
    wrong = np.sum([run["pruned"] != label for run in line[at]], axis=0)
    said, before = (np.stack([run[name] for run in line[at]]) for name in ("pruned", "dense"))
    found = []
    for place in np.flatnonzero(lost[at]):
        answers = said[:, place][said[:, place] != label[place]]
        first = min(asked for asked in lost if all(lost[a][place] for a in lost if a >= asked))
        words = (int(label[place]), _most(before[:, place]), _most(answers))
        found.append(Forgotten(int(place), *words, int(wrong[place]), first))
    return sorted(found, key=lambda one: (one.first, -one.seeds, one.example))


def _most(answers: NDArray[Any]) -> int:
    return int(np.bincount(answers).argmax())


def _lost(runs: Sequence[Answers]) -> NDArray[np.bool_]:
    """Right by most dense models, wrong by most pruned ones."""
    label = runs[0]["label"]
    right = np.mean([run["dense"] == label for run in runs], axis=0)
    after = np.mean([run["pruned"] == label for run in runs], axis=0)
    both: NDArray[np.bool_] = (right > 0.5) & (after < 0.5)
    return both


def forgotten(
    name: str,
    line: Mapping[float, Sequence[Answers]],
    at: float,
    classes: Sequence[str],
    *,
    theme: Theme = "light",
) -> Picture:
    """What one method's pruned models forget first, with what they say instead.

    Images are shown as pictures; rows of a table as their numbers, coloured by how far each is from
    the mean of the training data, in the columns where they are furthest.

    Raises:
        ValueError: nothing was forgotten, or the runs kept neither pictures nor rows.
    """
    found = forget(line, at)
    if not found:
        raise ValueError(f"{name} at {percent(at)} forgets no test example in most of its runs.")
    total, seeds = len(line[at][0]["label"]), len(line[at])
    kept, kind = _kept(line[at], "pictured", "pictures"), "images"
    if not kept:
        kept, kind = _kept(line[at], "listed", "values"), "rows"
    shown = [one for one in found if one.example in kept]
    if not shown:
        raise ValueError(
            f"{name} at {percent(at)} forgets {count(len(found))} of {count(total)} test examples; "
            "these runs were made before rows of numbers were kept. Run them again to see which."
        )
    runs = _("most of {seeds} runs", seeds=seeds) if seeds > 1 else _("one run")
    title = _(
        "{name} at {at}: {n} of {total} test {kind} that the dense model knew are "
        "forgotten by {runs}",
        name=name, at=percent(at), n=count(len(found)), total=count(total), kind=kind, runs=runs,
    )  # fmt: skip
    table = forgotten_table(found, classes)
    if kind == "images":
        figure = _pictures(shown[:MOST], kept, classes, title, theme)
        return Picture(title, figure, _("Pictures of test images. {title}.", title=title), table)
    about = line[at][0]
    figure = _rows(shown[:ROWS], kept, about, classes, title, theme)
    numbers = [[float(v) for v in kept[o.example]] if o.example in kept else [] for o in found]
    columns = pd.DataFrame(numbers, columns=list(map(str, about["features"])))
    whole = pd.concat([table, columns.add_prefix(_("value of "))], axis=1)
    return Picture(title, figure, _("Table of colours. {title}.", title=title), whole)


def _kept(runs: Sequence[Answers], places: str, what: str) -> dict[int, NDArray[Any]]:
    """What the runs kept of each example that at least one of them lost."""
    return {
        int(place): one
        for run in runs
        if places in run
        for place, one in zip(run[places], run[what], strict=True)
    }


def _pictures(
    shown: Sequence[Forgotten],
    kept: Mapping[int, NDArray[Any]],
    classes: Sequence[str],
    title: str,
    theme: Theme,
) -> go.Figure:
    names = [short(str(c)) for c in classes]
    words = [
        _("{names} · says {names2}", names=_of(names, f.label), names2=_of(names, f.says))
        for f in shown
    ]
    figure = sheet(np.stack([kept[f.example] for f in shown]), words, [True] * len(shown), theme)
    spread_out(figure, title, len(shown), theme)
    return figure


def _rows(
    shown: Sequence[Forgotten],
    kept: Mapping[int, NDArray[Any]],
    about: Answers,
    classes: Sequence[str],
    title: str,
    theme: Theme,
) -> go.Figure:
    """One row an example, one column a feature: its value, coloured by its place in the data."""
    values = np.stack([kept[f.example] for f in shown])
    apart = (values - about["mean"]) / about["deviation"]
    order = np.argsort(-np.abs(apart).mean(0), kind="stable")[:COLUMNS]
    names = [short(str(c)) for c in classes]
    words = [f"{f.example}: {_of(names, f.label)} → {_of(names, f.says)}" for f in shown]
    features = [label(str(about["features"][n])) for n in order]
    told = [[f"{v:.3g}" for v in row] for row in values[:, order]]
    figure = go.Figure(
        go.Heatmap(
            z=apart[:, order], x=features, y=words, text=told,
            texttemplate="%{text}", zmin=-FAR, zmax=FAR, xgap=2, ygap=2,
            colorscale=scale(PALETTES[theme].signed),
            customdata=[[_of(names, f.dense)] * len(order) for f in shown],
            hovertemplate=_("%{y}<br>dense models say %{customdata}<br>%{x}: %{text}, "
            "%{z:+.1f} deviations from the mean<extra></extra>"),
            showscale=False,
        )
    )  # fmt: skip
    layout(figure, title, theme=theme, height=230 + 34 * len(shown))
    figure.update_xaxes(
        type="category", showgrid=False,
        title_text=_(
            "colour: deviations from the mean of the training data,<br>brown {far} below, blue "
            "{far} above",
            far=FAR,
        ),
    )  # fmt: skip
    figure.update_yaxes(
        type="category", autorange="reversed", showgrid=False,
        title_text=_("test row: true class → taken for"),
    )  # fmt: skip
    return figure


def forgotten_table(found: Sequence[Forgotten], classes: Sequence[str]) -> pd.DataFrame:
    """The same as rows."""
    return pd.DataFrame(
        {
            "test example": one.example, "class": _of(classes, one.label),
            "dense models say": _of(classes, one.dense),
            "pruned models say": _of(classes, one.says), "seeds wrong": one.seeds,
            "forgotten from sparsity": one.first,
        }
        for one in found
    )  # fmt: skip


def _of(names: Sequence[str], number: int) -> str:
    return str(names[number]) if number < len(names) else str(number)
