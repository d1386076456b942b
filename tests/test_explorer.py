"""Sliders in a notebook: the figures a run has, and what the controls ask for."""

from __future__ import annotations

import sys

import pytest

import prunelab as pl
from prunelab import explorer
from prunelab.spec import SpecError

ipywidgets = pytest.importorskip("ipywidgets")


@pytest.fixture(scope="module")
def trained():
    return pl.run(model="mlp", data="digits", sparsity=0.8, epochs=1, recover_epochs=1)


def test_every_figure_of_the_menu_can_be_drawn(trained):
    names = explorer.drawable(trained)
    assert {"histogram", "weights", "layers", "heatmap", "curve", "confusion", "size"} <= set(names)
    assert not {"tree", "gallery", "gates"} & set(names)
    for name in names:
        assert explorer.figure(trained, name, layer="fc1", epoch=1).data


def test_controls_ask_for_figure_layer_and_epoch(trained, monkeypatch):
    seen = []
    monkeypatch.setattr(explorer, "_show", lambda run, *asked: seen.append(asked))
    box = trained.explore()
    name, layer, epoch = box.children[0].children
    assert layer.options == ("fc1", "fc2", "fc3")
    assert (epoch.min, epoch.max) == (1, 2)
    name.value = "weights"
    assert (layer.disabled, epoch.disabled) == (False, True)
    layer.value = "fc2"
    assert seen[-1] == ("weights", "fc2", epoch.value)
    name.value = "curve"
    assert layer.disabled


def test_what_is_missing_is_said(trained, monkeypatch, capsys):
    def nothing(*_):
        raise ValueError("nothing to draw")

    monkeypatch.setattr(explorer, "figure", nothing)
    explorer._show(trained, "curve", "", 1)
    assert "nothing to draw" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(SpecError, match="pip install ipywidgets"):
        trained.explore()
