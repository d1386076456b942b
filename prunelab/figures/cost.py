"""What pruning saves and what it does not: bytes, multiplications, time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from prunelab.events import Result
from prunelab.figures.look import PALETTES, Picture, Theme, count, layout
from prunelab.figures.look import size as in_words
from prunelab.speech import _, mark

FORMS = {
    "raw": mark("as saved"),
    "zip": mark("zipped"),
    "csr": mark("sparse rows (CSR)"),
    "shrunk": mark("shapes shrunk"),
    "folded": mark("dead neurons removed"),
}
KINDS = {
    "dense": mark("before pruning"),
    "ideal": mark("if zeros were free"),
    "shipped": mark("of the model you ship"),
}


class Bars(NamedTuple):
    """Named numbers, before and after."""

    names: list[str]
    before: list[float | None]
    after: list[float | None]


def size_numbers(result: Result) -> Bars:
    """Bytes in each form of storage.

    Raises:
        ValueError: the run has not measured its size yet.
    """
    before, after = result.dense.get("bytes"), result.recovered.get("bytes")
    if not before or not after:
        raise ValueError("Sizes are measured at the end of a run.")
    forms = [form for form in FORMS if form in after]
    return Bars(
        [FORMS[f] for f in forms], [before.get(f) for f in forms], [after[f] for f in forms]
    )


def size(result: Result, *, theme: Theme = "light") -> Picture:
    """Measured bytes before and after, in every form of storage."""
    found = size_numbers(result)
    title = _size_title(found, result.dense["bytes"], result.recovered["bytes"])
    figure = _bars(found, in_words, theme)
    layout(figure, title, theme=theme, height=150 + 46 * len(found.names))
    figure.update_xaxes(title_text=_("bytes, measured"), tickformat="~s", ticksuffix="B")
    return Picture(title, figure, _("Bars. {title}.", title=title), pd.DataFrame(found._asdict()))


def _size_title(found: Bars, before: Mapping[str, float], after: Mapping[str, float]) -> str:
    shipped = after.get("shrunk", after["raw"])
    if shipped < 0.99 * before["raw"]:
        return _(
            "Removed for real: {before} became {after}",
            before=in_words(before["raw"]), after=in_words(shipped),
        )  # fmt: skip
    least = min(n for n in found.after if n is not None)
    form = found.names[found.after.index(least)]
    return _(
        "Zeros take space: {saved} as saved, {least} {form}",
        saved=in_words(after["raw"]), least=in_words(least), form=form,
    )  # fmt: skip


def macs_numbers(result: Result) -> Bars:
    """Multiply-adds for one example.

    Raises:
        ValueError: the run has not counted them.
    """
    macs = result.recovered.get("macs")
    if not macs:
        raise ValueError("Multiply-adds are counted at the end of a run, for networks.")
    kinds = [kind for kind in KINDS if kind in macs]
    before = [macs[k] if k == "dense" else None for k in kinds]
    return Bars([KINDS[k] for k in kinds], before, [None, *(macs[k] for k in kinds[1:])])


def macs(result: Result, *, theme: Theme = "light") -> Picture:
    """Multiply-adds for one example: before, if zeros were free, and of the model one ships."""
    found = macs_numbers(result)
    counts = result.recovered["macs"]
    saved = counts["shipped"] < counts["dense"]
    title = (
        _(
            "{dense} multiply-adds became {shipped}",
            dense=count(counts["dense"]),
            shipped=count(counts["shipped"]),
        )
        if saved
        else _("No multiply-add is saved unless the hardware skips zeros")
    )
    figure = _bars(found, count, theme)
    layout(figure, title, theme=theme, height=130 + 40 * len(found.names))
    figure.update_layout(barmode="overlay", showlegend=False)
    figure.update_xaxes(title_text=_("multiply-adds for one example"), tickformat="~s")
    return Picture(title, figure, _("Bars. {title}.", title=title), pd.DataFrame(found._asdict()))


def _bars(found: Bars, words: Any, theme: Theme) -> go.Figure:
    p = PALETTES[theme]
    figure = go.Figure()
    parts = (("dense", found.before, p.faint), ("pruned", found.after, p.accent))
    for name, values, colour in parts:
        if not any(values):
            continue
        figure.add_trace(
            go.Bar(
                x=values,
                y=[_(name) for name in found.names],
                name=_(name),
                orientation="h",
                marker_color=colour,
                text=[words(v) if v is not None else "" for v in values],
                textposition="outside",
                cliponaxis=False,
                textfont_color=p.ink,
                hovertemplate=f"%{{y}}, {_(name)}: %{{text}}<extra></extra>",
            )
        )
    figure.update_layout(bargap=0.3, bargroupgap=0.1)
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(rangemode="tozero")
    top = max(v for v in (*found.before, *found.after) if v is not None)
    figure.update_xaxes(range=[0, top * 1.18])
    return figure


class Times(NamedTuple):
    """Median milliseconds with their interval, before and after; ``verdict`` in words."""

    median: tuple[float, float]
    low: tuple[float, float]
    high: tuple[float, float]
    verdict: str


def time_numbers(result: Result) -> Times:
    """Timed, never derived. Overlapping intervals mean no difference.

    Raises:
        ValueError: the run was not timed.
    """
    before, after = result.dense.get("latency_ms"), result.recovered.get("latency_ms")
    if not before or not after:
        raise ValueError("Models are timed at the end of a run.")
    verdict = _("No difference in time that can be measured")
    if after["high"] < before["low"]:
        verdict = _("{times:.2f} times as fast, timed", times=before["median"] / after["median"])
    elif after["low"] > before["high"]:
        verdict = _("{times:.2f} times as slow, timed", times=after["median"] / before["median"])
    pairs = [(before[k], after[k]) for k in ("median", "low", "high")]
    return Times(pairs[0], pairs[1], pairs[2], verdict)


def latency(result: Result, *, theme: Theme = "light") -> Picture:
    """Median time of one batch with its interval, dense and pruned."""
    found = time_numbers(result)
    p = PALETTES[theme]
    settings = result.recovered["latency_ms"]
    error = {
        "type": "data",
        "symmetric": False,
        "array": [h - m for h, m in zip(found.high, found.median, strict=True)],
        "arrayminus": [m - lo for m, lo in zip(found.median, found.low, strict=True)],
        "color": p.ink,
        "thickness": 1.5,
    }
    figure = go.Figure(
        go.Bar(
            x=found.median,
            y=[_("dense"), _("pruned")],
            orientation="h",
            error_x=error,
            marker_color=[p.faint, p.accent],
            hovertemplate="%{y}: %{x:.3g} ms<extra></extra>",
        )
    )
    layout(figure, found.verdict, theme=theme, height=210)
    batch, threads = settings.get("batch", "?"), settings.get("threads", "?")
    figure.update_xaxes(
        title_text=_(
            "ms for a batch of {batch}, {threads} thread(s); whisker = 95\u00a0% interval",
            batch=batch,
            threads=threads,
        ),
        rangemode="tozero",
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    table = pd.DataFrame(
        {"model": ["dense", "pruned"], "median ms": found.median, "low": found.low,
         "high": found.high}
    )  # fmt: skip
    return Picture(found.verdict, figure, _("Bars. {verdict}.", verdict=found.verdict), table)
