"""How every figure looks: palettes for two themes, numbers as words, one layout."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import pandas as pd
import plotly.graph_objects as go

Theme = Literal["light", "dark"]
SPACE = "\u00a0"  # numbers and their units never part at a line end
FONT = '"Source Sans", "Source Sans 3", "Source Sans Pro", system-ui, sans-serif'


class Picture(NamedTuple):
    """A figure with the finding it shows, the same in words, and the table of its numbers."""

    title: str
    figure: go.Figure
    alt: str
    table: pd.DataFrame


class Palette(NamedTuple):
    """The colours of one theme; contrasts were checked for four kinds of vision."""

    ink: str
    muted: str
    faint: str
    grid: str
    paper: str
    accent: str
    warn: str
    kept: tuple[str, ...]  # 0 % to 100 % removed: ink is what remains
    methods: tuple[str, ...]
    signed: tuple[str, ...]  # negative, zero, positive


PALETTES: dict[Theme, Palette] = {
    "light": Palette(
        ink="#1B1F24",
        muted="#4A5563",
        faint="#C3CCD6",
        grid="#E3E8EE",
        paper="#FFFFFF",
        accent="#185A96",
        warn="#B3261E",
        kept=(
            *("#062A57", "#0A4079", "#185A96", "#2F74AE", "#4D8FC2"),
            *("#73AAD3", "#9CC3E2", "#C0D8EE", "#DCEAF7", "#F7FBFF"),
        ),
        methods=("#5821AA", "#BF8226", "#4A9485", "#1F3F3F", "#A374E9", "#6A4815"),
        signed=("#6B3A00", "#B86A12", "#E2AC6B", "#FFFFFF", "#8FBBDF", "#2F74AE", "#062A57"),
    ),
    "dark": Palette(
        ink="#E6EAF0",
        muted="#AEB8C4",
        faint="#485563",
        grid="#2A3541",
        paper="#0F141A",
        accent="#75AEDD",
        warn="#FF8A80",
        kept=(
            *("#E6F3FF", "#C0DDF6", "#9AC6EC", "#75AEDD", "#5595CB"),
            *("#3B7CB3", "#296398", "#1D4B78", "#153657", "#11263A"),
        ),
        methods=("#7FCCFF", "#FFD632", "#AA7D3B", "#597AFF", "#B4B4B4", "#787878"),
        signed=("#FFD9A8", "#E0983F", "#8A5A1F", "#000000", "#296398", "#75AEDD", "#E6F3FF"),
    ),
}
DASHES = ("solid", "longdash", "dashdot", "longdashdot")
MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "star")


class Stroke(NamedTuple):
    """How one method is drawn, everywhere."""

    colour: str
    dash: str
    marker: str


def strokes(methods: Iterable[str], theme: Theme) -> dict[str, Stroke]:
    """A stroke per method. A name has its colour by itself; in a clash the shorter name keeps it.

    >>> strokes(["random"], "light")["random"].dash
    'dash'
    """
    palette = PALETTES[theme]
    drawn: dict[str, Stroke] = {}
    taken: list[int] = []
    for name in sorted(set(methods), key=lambda one: (len(one), one)):
        if is_baseline(name):
            drawn[name] = Stroke(palette.muted, "dash", "x")
            continue
        first = (zlib.crc32(name.encode()) + 1) % len(palette.methods)
        order = [(first + step) % len(palette.methods) for step in range(len(palette.methods))]
        place = min(order, key=taken.count)
        dash = DASHES[taken.count(place) % len(DASHES)]
        taken.append(place)
        drawn[name] = Stroke(palette.methods[place], dash, MARKERS[place])
    return drawn


def is_baseline(method: str) -> bool:
    """Random methods are baselines; their names say so.

    >>> is_baseline("random-filter"), is_baseline("magnitude")
    (True, False)
    """
    return "random" in method.split("-")


def scale(colours: tuple[str, ...]) -> list[list[Any]]:
    """A plotly colour scale with equal steps."""
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


def percent(share: float) -> str:
    """A share in words; only all of it is 100 %.

    >>> [percent(x).replace(SPACE, " ") for x in (0.5, 0.9876, 0.9996, 1, 0)]
    ['50 %', '98.8 %', '>99.9 %', '100 %', '0 %']
    """
    if 0.999 < share < 1:
        return f">99.9{SPACE}%"
    if 0 < share < 0.0005:
        return f"<0.1{SPACE}%"
    return f"{100 * share:.1f}".removesuffix(".0") + f"{SPACE}%"


def accuracy(share: float) -> str:
    """An accuracy always with one decimal, so that columns line up."""
    return f"{100 * share:.1f}{SPACE}%"


def count(number: float) -> str:
    """A whole number with thousands apart."""
    return f"{number:,.0f}"


def size(number: float) -> str:
    """Bytes in the unit one would say.

    >>> size(1_070_000).replace(SPACE, " "), size(830).replace(SPACE, " ")
    ('1.07 MB', '830 B')
    """
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= step:
            return f"{number / step:.3g}{SPACE}{unit}"
    return f"{number:.0f}{SPACE}B"


def doublings(most: float) -> list[int]:
    """Ticks of an axis that counts in doublings.

    >>> doublings(9)
    [1, 2, 4, 8]
    """
    return [2**i for i in range(int(math.log2(most)) + 1)]


def layout(figure: go.Figure, title: str, *, theme: Theme, height: int = 380) -> go.Figure:
    """The look all figures share: clear, quiet, the same in a notebook and in the app."""
    p = PALETTES[theme]
    axis = {
        "gridcolor": p.grid,
        "linecolor": p.grid,
        "zerolinecolor": p.grid,
        "tickfont": {"color": p.muted, "size": 13},
        "title_font": {"color": p.muted, "size": 13},
        "title_standoff": 10,
        "automargin": True,
    }
    figure.update_layout(
        template="none",
        title={"text": title, "font": {"size": 17, "color": p.ink}, "x": 0, "xref": "paper"},
        font={"family": FONT, "size": 13, "color": p.ink},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        height=height,
        margin={"l": 60, "r": 20, "t": 56, "b": 52},
        hoverlabel={
            "bgcolor": p.paper,
            "bordercolor": p.grid,
            "font": {"color": p.ink, "family": FONT},
        },
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font_color": p.muted},
        uirevision="keep",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": p.faint, "activecolor": p.muted},
    )
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure
