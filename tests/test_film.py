"""Figures of a training that prunes, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from example_run import MASKS, network_events, training_events

from prunelab import figures
from prunelab.events import Result, fold
from prunelab.figures import film, look, stills
from prunelab.figures.course import course
from prunelab.figures.movement import movement_numbers
from prunelab.figures.topology import ROWS, _inputs, degree_numbers
from prunelab.packing import pack_mask

THEMES = ("light", "dark")


@pytest.fixture(scope="module")
def run():
    return fold(training_events(gates=True))


@pytest.mark.parametrize("theme", THEMES)
def test_every_picture_names_its_finding_its_axes_and_its_numbers(run, theme):
    draw = {
        "course": lambda: figures.course(run, theme=theme),
        "pixels": lambda: figures.pixels(run, theme=theme),
        "cells": lambda: figures.cells(run, theme=theme),
        "degrees": lambda: figures.degrees(run, theme=theme),
        "values": lambda: figures.values(run, theme=theme),
        "topology": lambda: figures.topology(run, theme=theme),
        "turnover": lambda: figures.turnover(run, theme=theme),
        "gates": lambda: figures.gates(run, theme=theme),
        "movement": lambda: figures.movement(run, theme=theme),
    }
    for name, make in draw.items():
        picture = make()
        assert picture.figure.layout.title.text == picture.title, name
        assert picture.title in picture.alt, name
        assert len(picture.table), name
        assert picture.figure.layout.yaxis.tickfont.color == look.PALETTES[theme].muted, name
        assert picture.figure.to_json(), name


def test_the_masks_are_those_of_the_stills(run):
    for name, masks in MASKS.items():
        for epoch, expected in enumerate(masks):
            assert (film.mask(film.still(run, epoch), name) == np.array(expected, bool)).all()
    assert film.moments(run) == [0, 1, 2]
    assert film.still(run).epoch == film.still(run, 99).epoch == 2
    assert film.still(run, -1).epoch == 0


def test_pixels_are_counted_where_they_are_in_the_image(run):
    assert film.pixel_counts(film.still(run, 0)).tolist() == [[2, 1], [1, 1]]
    picture = figures.pixels(run, 2)
    assert picture.title == "3 of 4 pixels are read at epoch 2"
    assert picture.figure.data[0].z.tolist() == [[2, 2], [0, 1]]
    assert picture.figure.data[0].zmax == 2  # the same in every still
    crosses = picture.figure.data[1]
    assert (list(crosses.x), list(crosses.y)) == ([0], [1])
    assert picture.table["connections"].sum() == 5


def test_inputs_that_are_no_image_are_a_row_and_kernels_a_square():
    frame = film.still(fold(training_events()))
    flat = replace(frame, shape=[4])
    assert film.pixel_counts(flat).tolist() == [[2, 2, 0, 1]]
    assert not film.is_image(flat)
    row = {**frame.layers[0], "shape": [1, 3, 2, 2]}
    kernel = replace(frame, layers=[row])
    assert film.pixel_counts(kernel).shape == (2, 2)
    assert _inputs(kernel) == "places of the kernel"
    assert _inputs(flat) == "inputs"


def test_connections_of_neurons_and_of_inputs(run):
    found = degree_numbers(run, "fc1")
    assert found.edges.tolist() == [0, 1, 2, 3, 4]
    assert found.counts.T.tolist() == [[1, 1, 0, 0, 1], [1, 0, 1, 1, 0], [1, 0, 1, 1, 0]]
    assert found.mean == pytest.approx([5 / 3] * 3)
    out = degree_numbers(run, "fc1", out=True)
    assert out.counts[:, 0].tolist() == [0, 3, 1]
    picture = figures.degrees(run, "fc1", 2)
    assert picture.title == "fc1: 1.7 connections on average, 1 neurons have none"
    assert list(picture.table["start"]) == [1, 1, 0, 0, 1]
    kernels = np.ones((2, 3, 5, 5), bool)
    assert film.fan(kernels).tolist() == [75, 75]
    assert film.fan(kernels, out=True).tolist() == [50, 50, 50]


def test_many_connections_are_put_in_classes(run):
    row = {"name": "fc1", "shape": [2, 500]}
    mask = np.zeros((2, 500), bool)
    mask[0] = True
    wide = replace(run, frames=[replace(run.frames[0], layers=[{**row, "mask": pack_mask(mask)}])])
    found = degree_numbers(wide, "fc1")
    assert len(found.edges) <= ROWS
    assert found.counts.sum() == 2
    assert found.edges[-1] <= 500 < found.edges[-1] + found.edges[1]


def test_what_came_and_what_went(run):
    assert [tuple(t) for t in film.turnover(run)] == [(1, 1, 1, 7), (2, 2, 2, 7)]
    assert figures.turnover(run).title == "3 connections went, 3 came: 0.4 for each that is left"
    still = replace(run, frames=[run.frames[0], replace(run.frames[0], epoch=1)])
    assert figures.turnover(still).title == "The mask never changes"
    assert figures.topology(still, "fc1").title.endswith(
        "the connections of the neurons never change"
    )
    words = figures.topology(run, "fc1").title
    assert words == "fc1: the best connected of the neurons went from 4 to 3, 1 have none left"


def test_cells_tell_apart_what_stayed_came_and_went(run):
    picture = figures.cells(run, "fc1", 1)
    assert dict(zip(picture.table["weights"], picture.table["count"], strict=True)) == {
        "absent": 6, "just went": 1, "stayed": 4, "just came": 1,
    }  # fmt: skip
    assert picture.figure.data[0].z.tolist() == [[2, 2, 1, 2], [2, 3, 0, 0], [0, 0, 0, 0]]
    assert picture.title == "fc1: 5 of 12 weights at epoch 1"
    start = figures.cells(run, "fc1", 0).table
    assert list(start["count"]) == [7, 0, 5, 0]


def test_large_masks_are_drawn_in_blocks():
    states = np.zeros((600, 3), np.int8)
    states[599, 2] = stills.CAME
    drawn, block = stills._coarse(states)
    assert block == (3, 1)
    assert drawn.shape == (200, 3)
    assert drawn[199, 2] == stills.CAME
    assert drawn.sum() == stills.CAME


def test_values_of_two_stills_share_their_bins(run):
    picture = figures.values(run, "fc1", 2)
    assert picture.table["epoch 2"].sum() == pytest.approx(5, abs=0.05)
    assert picture.table["start"].sum() == pytest.approx(5, abs=0.05)
    assert len(picture.table) == stills.BINS
    right = picture.table[picture.table["around"] > 0.5]
    assert right["epoch 2"].sum() == pytest.approx(1, abs=0.05)


def test_gates_are_coloured_by_the_side_they_are_on(run):
    picture = figures.gates(run, "fc1")
    named = {trace.name: sum(trace.y) for trace in picture.figure.data}
    assert named == {"open": 6, "shut": 6}
    assert picture.title == "fc1: 58.3 % of the gates are shut at epoch 1".replace(" %", "\u00a0%")
    assert figures.gates(run, epoch=0).title.endswith("epoch 0")
    with pytest.raises(ValueError, match="no layer 'fc9' with gates"):
        figures.gates(run, "fc9")
    with pytest.raises(ValueError, match="learns no gates"):
        figures.gates(fold(training_events()))


def test_ways_are_counted_and_shown(run):
    table = movement_numbers(run)
    assert list(table["weights"]) == [6, 4, 2]
    assert list(table["kept"]) == [4, 0, 1]
    picture = figures.movement(run, "fc1")
    assert picture.title.replace("\u00a0", " ") == (
        "Of the weights that went away from zero 66.7 % stayed, of those that went towards it 0 %"
    )
    drawn = {trace.name: [*zip(trace.x, trace.y, strict=True)] for trace in picture.figure.data}
    assert drawn["kept"] == [(0.5, 1.0), (-0.25, -0.5), (0.5, -0.5)]
    assert drawn["removed"] == [(1.0, 0.5), (0.5, 0.75)]
    only = replace(run.moved, layers=[{**run.moved.layers[0], "away": [0, 0]}])
    assert figures.movement(replace(run, moved=only)).title == "All weights went one way"


def test_the_course_follows_the_training_that_prunes(run):
    assert course(run, 0).title == "Before the first step"
    words = course(run, 1).title.replace("\u00a0", " ")
    assert words == "Epoch 1: 50.0 % right on validation with 90 % gone"
    assert list(course(run).table["accuracy"]) == [0.5, 0.8]


def test_zeros_are_counted_in_epochs(run):
    assert film.badge(run) == (2, 2)
    assert film.badge(fold(network_events()[:4])) == (0, 0)


def test_runs_of_an_older_version_say_what_to_do():
    old = fold(network_events())
    assert film.moments(old) == []
    for draw in (figures.pixels, figures.cells, figures.topology, figures.turnover, figures.values):
        with pytest.raises(ValueError, match="run it again to see them"):
            draw(old)
    with pytest.raises(ValueError, match="begin at zero and have no before"):
        figures.movement(old)
    with pytest.raises(ValueError, match="has not come yet"):
        figures.course(Result())


def test_unknown_layers_are_named(run):
    with pytest.raises(ValueError, match="no layer 'fc9'; the layers are fc1, fc2"):
        figures.cells(run, "fc9")
    with pytest.raises(ValueError, match="no layer 'fc2'; the layers are fc1"):
        figures.movement(run, "fc2")
