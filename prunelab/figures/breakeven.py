"""Where sparse pays: time of one layer against sparsity, a line a form, dense as a band."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go

from prunelab.figures.look import DASHES, MARKERS, PALETTES, Picture, Theme, layout, percent
from prunelab.speech import _, mark

if TYPE_CHECKING:
    from prunelab.crossing import BreakEven

DENSE, ASKED = mark("dense"), mark("sparse rows (CSR)")
NEVER = 1.0  # a guess that they never cross


def breakeven(
    found: BreakEven, *, guess: float | None = None, hidden: bool = False, theme: Theme = "light"
) -> Picture:
    """Median milliseconds with 95 % intervals; ``hidden`` shows the dense layer alone.

    ``guess`` is the sparsity from which on somebody thought that sparse rows are faster.
    """
    table, figure = found.table, go.Figure()
    sparsities = sorted(table["sparsity"].unique())
    place = {sparsity: number for number, sparsity in enumerate(sparsities)}
    _band(figure, table[table["form"] == DENSE], place, theme)
    if not hidden:
        for number, form in enumerate(f for f in found.forms if f != DENSE):
            _line(figure, table[table["form"] == form], place, number, theme)
    _guess(figure, guess, place, theme)
    inputs, outputs, batch = found.layer
    title = _(
        "A layer of {inputs} × {outputs}, {batch} examples at once: ",
        inputs=inputs,
        outputs=outputs,
        batch=batch,
    ) + (_("from which sparsity on are sparse rows faster?") if hidden else _finding(found))
    layout(figure, title, theme=theme, height=470)
    figure.update_layout(margin={"t": 110, "r": 30})
    figure.update_xaxes(
        title_text=_("weights removed"), tickvals=list(place.values()),
        ticktext=[percent(s) for s in sparsities], range=[-0.3, len(place) - 0.7],
    )  # fmt: skip
    figure.update_yaxes(
        title_text=_("ms for the batch; whisker: 95 % interval of the median"), **_ticks(table)
    )
    shown = table[table["form"] == DENSE] if hidden else table
    return Picture(title, figure, _("Lines. {title}.", title=title), shown.reset_index(drop=True))


def _ticks(table: pd.DataFrame) -> dict[str, Any]:
    """A logarithmic axis that holds everything that was timed, with ticks one would say."""
    low, high = math.log10(table["low"].min()), math.log10(table["high"].max())
    ticks = [
        step * 10.0**power
        for power in range(math.floor(low), math.ceil(high))
        for step in (1, 2, 5)
    ]
    return {
        "type": "log", "range": [low - 0.08, high + 0.08], "tickvals": ticks,
        "ticktext": [f"{t:,.12g}" for t in ticks],
    }  # fmt: skip


def _band(figure: go.Figure, rows: pd.DataFrame, place: dict[float, int], theme: Theme) -> None:
    p, x = PALETTES[theme], [place[s] for s in rows["sparsity"]]
    figure.add_trace(
        go.Scatter(
            x=[*x, *x[::-1]], y=[*rows["high"], *rows["low"][::-1]], fill="toself", mode="none",
            fillcolor=p.faint, opacity=0.5, hoverinfo="skip", showlegend=False,
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=x, y=rows["median"], mode="lines+markers", name=_(DENSE),
            line={"color": p.ink, "width": 3}, marker={"size": 6},
            hovertemplate=_("<b>dense</b>: %{y:.3g} ms<extra></extra>"),
        )
    )  # fmt: skip


def _line(
    figure: go.Figure, rows: pd.DataFrame, place: dict[float, int], number: int, theme: Theme
) -> None:
    palette, name = PALETTES[theme], rows["form"].iloc[0]
    colour = palette.muted if name == "dense again" else palette.methods[number % 6]
    wide = 3.5 if name == ASKED else 2
    figure.add_trace(
        go.Scatter(
            x=[place[s] for s in rows["sparsity"]], y=rows["median"], mode="lines+markers",
            name=_(name), line={"color": colour, "width": wide, "dash": DASHES[number % 4]},
            marker={"size": 8, "symbol": MARKERS[number % 6], "color": colour},
            error_y={
                "symmetric": False, "array": rows["high"] - rows["median"],
                "arrayminus": rows["median"] - rows["low"], "thickness": 1.2, "width": 3,
            },
            customdata=rows[["against dense", "runs"]].to_numpy(),
            hovertemplate=f"<b>{_(name)}</b>: %{{y:.3g}} ms, %{{customdata[0]}}"
            + _("<br>%{customdata[1]} times each<extra></extra>"),
        )
    )  # fmt: skip


def _guess(figure: go.Figure, guess: float | None, place: dict[float, int], theme: Theme) -> None:
    if guess is None or guess not in place:
        return
    p: Any = PALETTES[theme]
    figure.add_vline(
        x=place[guess], line={"color": p.warn, "dash": "dot", "width": 2},
        annotation_text=_("your guess"), annotation_font_color=p.warn,
    )  # fmt: skip


def _finding(found: BreakEven) -> str:
    if ASKED not in found.forms:
        return _("sparse rows do not work here")
    slower, faster = found.crossing(ASKED)
    if faster is None:
        return _("sparse rows are never faster than dense")
    if slower is None:
        return _(
            "sparse rows are faster from {faster} on, where it was first tried",
            faster=percent(faster),
        )
    return _(
        "sparse rows are faster from {faster} on, not yet at {slower}",
        faster=percent(faster), slower=percent(slower),
    )  # fmt: skip


def judged(found: BreakEven, guess: float) -> str:
    """What a guess was worth, in a sentence."""
    truth = found.crossing(ASKED).faster if ASKED in found.forms else None
    if truth is None:
        end = "Right." if guess >= NEVER else _("They never were.")
        return _("Sparse rows did not win at any sparsity that was tried. {end}", end=end)
    if guess == truth:
        return _("You were right: from {truth} on.", truth=percent(truth))
    if guess > truth:
        said = _("that they never win") if guess >= NEVER else percent(guess)
        return _(
            "You guessed {said}; they win earlier, from {truth} on.",
            said=said, truth=percent(truth),
        )  # fmt: skip
    return _(
        "You guessed {guess}; they win only from {truth} on. Finding the next weight "
        "that is not zero takes longer than multiplying by a few zeros.",
        guess=percent(guess), truth=percent(truth),
    )  # fmt: skip
