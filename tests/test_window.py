"""Figures in a narrow window: what stands beside the plot moves above it."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest
from example_run import result
from paging import show, specs, store  # noqa: F401 - a fixture among them

from pages.ui import window
from prunelab import examples, figures
from prunelab.figures.look import layout


def test_names_of_lines_stand_above_the_plot():
    wide = figures.tradeoff(examples.example().sweep).figure
    ends = {a.text.partition("<br>")[0] for a in wide.layout.annotations if a.name == "end"}
    margin, height = wide.layout.margin.r, wide.layout.height
    made = figures.narrow(wide)
    assert {t.name for t in made.data if t.showlegend} == ends == {"magnitude", "random"}
    assert "mean, sd of 3 seeds" in made.layout.legend.title.text
    assert not [a for a in made.layout.annotations if a.name == "end"]
    assert made.layout.margin.r < margin
    assert made.layout.height > height


def test_what_is_said_of_one_line_stays_with_it():
    figure = layout(go.Figure(go.Scatter(x=[1], y=[1], name="a", mode="lines")), "", theme="light")
    figure.add_scatter(x=[1], y=[2], name="b", mode="lines")
    for name, small in (("a", "one run"), ("b", "cliff 98 %")):
        figure.add_annotation(name="end", text=f"{name}<br>{small}")
    made = figures.narrow(figure)
    assert [t.name for t in made.data] == ["a, one run", "b, cliff 98 %"]


def test_a_colour_bar_lies_down_and_a_long_title_parts():
    made = figures.narrow(figures.heatmap(result()).figure)
    assert made.data[0].colorbar.orientation == "h"
    made.update_xaxes(title_text="points of accuracy ahead (behind, left of 0)")
    title = figures.narrow(made).layout.xaxis.title.text
    assert title == "points of accuracy ahead (behind,<br>left of 0)"


@pytest.mark.parametrize("width", [False, True])
def test_a_page_shows_figures_for_the_window_it_is_in(width, store, monkeypatch):  # noqa: F811
    monkeypatch.setattr(window, "narrow", lambda: width)
    drawn = specs(show("sweep"))[0]["layout"]
    assert drawn["showlegend"] is width
