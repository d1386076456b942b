"""Exports that another process writes: what is asked for is what lies there."""

from __future__ import annotations

import time

import pytest

import prunelab as pl
from prunelab import exports
from prunelab.exports import Wish
from prunelab.space import Space
from prunelab.store import Store


@pytest.mark.parametrize("zipped", [True, False])
def test_an_export_with_its_fastest_form_is_written_once(zipped, home):
    run = pl.run(model="mlp", sparsity=0.5, epochs=1, recover="none", progress=False)
    space = Space(Store())
    wish = Wish(zipped, onnx=False, fastest=True)
    to = exports.start(space, run.key, wish)
    end = time.monotonic() + 120
    while exports.look(to).name == "going" and time.monotonic() < end:
        time.sleep(0.2)
    assert exports.look(to) == ("ready", "")
    found = exports.fastest(to)
    assert found["form"] in found["times"]
    assert "onnxruntime" in found["left_out"]
    assert exports.place(space, run.key, Wish(zipped, onnx=False)) != to
    exports.forget(space.home, run.key)
    assert not to.exists()


@pytest.mark.parametrize("fastest", [True, False])
def test_every_wish_has_a_place_of_its_own(fastest, home):
    run = pl.run(model="mlp", sparsity=0.5, epochs=1, recover="none", progress=False)
    space = Space(Store())
    wishes = [Wish(z, o, fastest) for z in (True, False) for o in (True, False)]
    assert len({exports.place(space, run.key, wish) for wish in wishes}) == len(wishes)
    assert ("--form" in wishes[0].flags) is fastest
    assert "--no-onnx" not in wishes[0].flags
    assert "--no-onnx" in wishes[1].flags
