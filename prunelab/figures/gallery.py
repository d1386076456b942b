"""Examples as pictures, side by side: what stays and what goes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from prunelab.figures.chosen import Chosen, rows_of
from prunelab.figures.look import PALETTES, Picture, Theme, count, layout
from prunelab.harmless import label
from prunelab.speech import _

Which = Literal["ends", "cut", "doubtful"]
MOST, ACROSS = 24, 6
GAP = 0.42  # of a picture, for the words below it
LONG = 12  # letters of a class name below a picture


def gallery(
    found: Chosen,
    which: Which = "ends",
    *,
    kept: bool = True,
    of: str = "",
    theme: Theme = "light",
) -> Picture:
    """Pictures of examples that stay, or go: those at the end, at the cut, or of doubtful label.

    Raises:
        ValueError: the examples are no images, or none is like that.
    """
    if not found.pictured.size:
        raise ValueError("These examples are rows of numbers; they are listed as a table.")
    rows = chosen_rows(found, which, kept=kept, of=of)[:MOST]
    side = "stay" if kept else _("go")
    if not len(rows):
        where = _(" of class {label}", label=label(of)) if of else ""
        raise ValueError(f"No such example{where} is among those that {side}.")
    title = _title(found, which, rows, kept=kept, of=of)
    figure = _draw(found, rows, theme)
    spread_out(figure, title, len(rows), theme)
    names = np.array(found.classes, dtype=object)
    table = pd.DataFrame(
        {
            "row": found.row[rows], "class": names[found.label[rows]],
            "model says": names[found.said[rows]], "score": found.score[rows],
        }
    )  # fmt: skip
    return Picture(
        title, figure, _("Pictures of {n} examples. {title}.", n=len(rows), title=title), table
    )


def chosen_rows(
    found: Chosen, which: Which = "ends", *, kept: bool = True, of: str = ""
) -> NDArray[np.int64]:
    """The examples of one side in the order that is asked for; images only where pictured."""
    rows = found.pictured if found.pictured.size else np.arange(len(found.row))
    rows = rows[found.kept[rows] == kept]
    if of:
        rows = rows[found.label[rows] == found.classes.index(of)]
    if which == "doubtful":
        order = -found.doubt[rows]
    else:
        order = found.score[rows] if kept == (which == "cut") else -found.score[rows]
    ordered: NDArray[np.int64] = rows[np.argsort(order, kind="stable")]
    return ordered


def rows_table(
    found: Chosen, which: Which = "ends", *, kept: bool = True, of: str = ""
) -> pd.DataFrame:
    """The same examples as a table, for data that are no images."""
    rows = chosen_rows(found, which, kept=kept, of=of)[:MOST]
    names = np.array(found.classes, dtype=object)
    table = rows_of(found, rows).drop(columns="kept")
    table.insert(2, "model says", names[found.said[rows]])
    return table


def _title(found: Chosen, which: Which, rows: NDArray[np.int64], *, kept: bool, of: str) -> str:
    side = _("stay") if kept else _("go")
    total = int((found.kept == kept).sum())
    words = {
        "ends": _("highest score") if kept else _("lowest score"),
        "cut": _("just above the cut") if kept else _("just below the cut"),
        "doubtful": _("the labels the model doubts most"),
    }[which]
    where = _(", class {of}", of=label(of)) if of else ""
    return f"{count(total)} {side}: {words}{where}"


def _draw(found: Chosen, rows: NDArray[np.int64], theme: Theme) -> go.Figure:
    place = {int(row): n for n, row in enumerate(found.pictured)}
    pictures = found.pictures[[place[int(row)] for row in rows]]
    words = [_words(found, int(row)) for row in rows]
    odd = (found.contradicted | found.wrong)[rows]
    figure = sheet(pictures, words, odd, theme, framed=found.wrong[rows])
    figure.add_trace(_places(found, rows, pictures.shape[1:3]))
    return figure


def _places(found: Chosen, rows: NDArray[np.int64], size: tuple[int, ...]) -> go.Scatter:
    """An image takes no clicks, so invisible points on the pictures do."""
    step_y, step_x = _steps(size)
    return go.Scatter(
        x=[n % ACROSS * step_x + size[1] / 2 for n in range(len(rows))],
        y=[n // ACROSS * step_y + size[0] / 2 for n in range(len(rows))],
        mode="markers", marker={"size": 60, "opacity": 0, "symbol": "square"}, showlegend=False,
        customdata=[(int(found.row[row]), float(found.score[row])) for row in rows],
        hovertemplate=_("row %{customdata[0]}, score %{customdata[1]:.3g}<extra></extra>"),
    )  # fmt: skip


def _steps(size: tuple[int, ...]) -> tuple[int, int]:
    """From one picture to the next: down, with words below each, and across."""
    return math.ceil(size[0] * (1 + GAP)), math.ceil(size[1] * 1.12)


def sheet(
    pictures: NDArray[np.uint8],
    words: Sequence[str],
    odd: Sequence[bool] | NDArray[np.bool_],
    theme: Theme,
    *,
    framed: Sequence[bool] | NDArray[np.bool_] = (),
) -> go.Figure:
    """Pictures in rows with words below each; the words of ``odd`` ones stand out."""
    p = PALETTES[theme]
    high, wide = pictures.shape[1:3]
    step_y, step_x = _steps((high, wide))
    lines = math.ceil(len(pictures) / ACROSS)
    paper = np.tile(_rgb(p.paper), (lines * step_y, ACROSS * step_x, 1)).astype(np.uint8)
    figure = go.Figure()
    for n, picture in enumerate(pictures):
        top, left = n // ACROSS * step_y, n % ACROSS * step_x
        paper[top : top + high, left : left + wide] = _coloured(picture, theme)
        figure.add_annotation(
            x=left + wide / 2 - 0.5, y=top + high - 0.5, yanchor="top", showarrow=False,
            text=words[n], font={"size": 12, "color": p.warn if odd[n] else p.muted},
        )  # fmt: skip
        if len(framed) and framed[n]:
            figure.add_shape(
                type="rect", x0=left - 0.5, x1=left + wide - 0.5, y0=top - 0.5, y1=top + high - 0.5,
                line={"color": p.warn, "width": 2},
            )  # fmt: skip
    figure.add_trace(go.Image(z=paper, hoverinfo="skip"))
    return figure


def spread_out(figure: go.Figure, title: str, pictures: int, theme: Theme) -> None:
    """The layout of a sheet: no axes, the pictures at the upper left."""
    layout(figure, title, theme=theme, height=80 + 100 * math.ceil(pictures / ACROSS))
    axis = {"visible": False, "fixedrange": True}
    high, wide = np.shape(figure.data[0].z)[:2]
    figure.update_xaxes(**axis, constraintoward="left", range=[-0.5, wide - 0.5])
    figure.update_yaxes(**axis, range=[high - 0.5, -0.5], scaleanchor="x", constraintoward="top")
    figure.update_layout(margin={"l": 0, "r": 0, "b": 8}, dragmode=False)


def _words(found: Chosen, row: int) -> str:
    """Its label; and what the model says where that is another."""
    given, said = (short(found.classes[n]) for n in (found.label[row], found.said[row]))
    return given if given == said else _("{given} · says {said}", given=given, said=said)


def short(name: str) -> str:
    """A class name that fits below a picture."""
    text = name if len(name) <= LONG else name[: LONG - 1] + "…"
    return label(text)


def _coloured(picture: NDArray[np.uint8], theme: Theme) -> NDArray[np.uint8]:
    """Grey from the paper to the ink of the theme; colours as they are."""
    if picture.ndim == 3:
        return picture
    p = PALETTES[theme]
    low, high = _rgb(p.grid), _rgb(p.ink)
    share = picture[..., None] / 255.0
    mixed: NDArray[np.uint8] = np.round(low + share * (high - low)).astype(np.uint8)
    return mixed


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)
