"""What a training that prunes shows of itself: stills, gates, where its weights went."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import nn

from prunelab import watch
from prunelab.course import Course
from prunelab.cover import Cover
from prunelab.events import Epoch, Frame, Moved, Pruned, fold, from_json, to_json
from prunelab.experiment import run
from prunelab.masks import removed
from prunelab.packing import pack_mask, pack_values, unpack_mask, unpack_values
from prunelab.registry import METHODS
from prunelab.spec import RunSpec
from prunelab.watch import Watch

SHORT = {"epochs": 4, "sparsity": 0.9}
TRAINING = sorted(n for n, e in METHODS.items() if e.when == "training" and "weights" in e.units)
GATED = {"variational-dropout": ("log α", 3.0, "above"), "l0": (None, 0.3102, "below")}
SPARSE_START = {"rigl", "set"}


def frames(events):
    return [e for e in events if isinstance(e, Frame)]


def mask(row):
    return unpack_mask(row["mask"], row["shape"])


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """One short run of each method, with its files."""
    runs = {}
    for name in (*TRAINING, "static"):
        folder = tmp_path_factory.mktemp(name)
        spec = RunSpec(method=name, **SHORT)
        spec = replace(spec, sparsity=0.75) if name == "sr-ste" else spec
        runs[name] = (list(run(spec, files=folder)), folder)
        assert fold(runs[name][0]).status == "finished", fold(runs[name][0]).reason
    return runs


@pytest.mark.parametrize("shape", [(3,), (4, 9), (2, 3, 5, 5), (0, 4)])
def test_a_mask_comes_back_from_its_text(shape):
    there = np.random.default_rng(0).random(shape) < 0.3
    back = unpack_mask(pack_mask(there), shape)
    assert back.shape == shape
    assert (back == there).all()


def test_values_come_back_in_half_precision():
    values = np.array([0.5, -1.25, 1e9, -1e9])
    assert unpack_values(pack_values(values)).tolist() == [0.5, -1.25, 65504.0, -65504.0]


@pytest.mark.parametrize("name", [*TRAINING, "static"])
def test_the_last_still_is_the_mask_of_the_files(name, told):
    events, folder = told[name]
    last = frames(events)[-1]
    files = load_file(folder / "masks.safetensors")
    assert {row["name"] for row in last.layers} == set(files)
    for row in last.layers:
        assert (mask(row) == files[row["name"]].astype(bool)).all()
        assert sum(row["counts"]) == mask(row).sum()


@pytest.mark.parametrize("name", [*TRAINING, "static"])
def test_there_is_a_still_of_the_start_and_of_every_epoch(name, told):
    events, _ = told[name]
    found = frames(events)
    assert [f.epoch for f in found] == [0, 1, 2, 3, 4]
    assert {f.phase for f in found} == {"train"}
    assert found[0].shape == [1, 8, 8]
    after = [type(events[events.index(f) - 1]) for f in found[1:]]
    assert after == [Epoch] * 4


@pytest.mark.parametrize("name", ["rigl", "set", "static"])
def test_what_starts_sparse_keeps_the_count_of_every_layer(name, told):
    found = frames(told[name][0])
    counts = [[int(mask(row).sum()) for row in f.layers] for f in found]
    assert all(c == counts[0] for c in counts)
    units = sum(mask(row).size for row in found[0].layers)
    assert sum(counts[0]) == units - removed(0.9, units)
    first, last = (mask(found[i].layers[0]) for i in (0, -1))
    assert (first == last).all() == (name == "static")


@pytest.mark.parametrize("name", GATED)
def test_gates_are_there_while_they_learn_and_tell_what_is_open(name, told):
    events, _ = told[name]
    found = frames(events)
    label, threshold, shut = GATED[name]
    learning = [f for f in found if f.gates]
    assert [f.epoch for f in learning] == [0, 1, 2, 3]  # settled at 80 % of training
    for still in learning:
        gates = still.gates
        assert gates["threshold"] == pytest.approx(threshold, abs=1e-4)
        assert gates["shut"] == shut
        assert label in (None, gates["label"])
        for row, gate in zip(still.layers, gates["layers"], strict=True):
            edges = np.linspace(gate["low"], gate["high"], len(gate["counts"]) + 1)
            counts = np.array(gate["counts"])
            surely = edges[1:] < threshold if shut == "above" else edges[:-1] > threshold
            perhaps = edges[:-1] < threshold if shut == "above" else edges[1:] > threshold
            assert counts[surely].sum() <= mask(row).sum() <= counts[perhaps].sum()
            assert counts.sum() == mask(row).size


def test_methods_without_gates_have_none(told):
    for name in set(TRAINING) - set(GATED):
        assert not any(f.gates for f in frames(told[name][0])), name


@pytest.mark.parametrize("name", sorted(set(TRAINING) - SPARSE_START))
def test_every_weight_went_one_way(name, told):
    events, _ = told[name]
    (moved,) = (e for e in events if isinstance(e, Moved))
    last = [e for e in events if isinstance(e, Pruned)][-1]
    assert moved.before == METHODS[name].start
    for row, layer in zip(moved.layers, frames(events)[-1].layers, strict=True):
        kept, gone = (sum(row[way][side] for way in watch.WAYS) for side in (0, 1))
        assert (kept, gone) == (mask(layer).sum(), (~mask(layer)).sum())
    assert sum(row[way][0] for row in moved.layers for way in watch.WAYS) == last.kept


def test_movement_starts_from_the_dense_weights(told):
    events, folder = told["movement"]
    (moved,) = (e for e in events if isinstance(e, Moved))
    dense = load_file(folder / "dense.safetensors")
    shipped = load_file(folder / "model.safetensors")
    for row in moved.layers:
        before, after = unpack_values(row["kept"]).reshape(-1, 2).T
        name = f"{row['name']}.weight"
        assert set(before) <= set(dense[name].astype(np.float16).astype(np.float32).ravel())
        assert set(after) <= set(shipped[name].astype(np.float16).astype(np.float32).ravel())
        assert np.abs(unpack_values(row["removed"]).reshape(-1, 2)[:, 1]).max() > 0  # latent


@pytest.mark.parametrize("name", sorted(SPARSE_START | {"static"}))
def test_what_starts_sparse_has_no_weights_before(name, told):
    assert not [e for e in told[name][0] if isinstance(e, Moved)]


def test_ways_of_weights_by_hand():
    before = torch.tensor([1.0, 1.0, -1.0, -1.0, 2.0, 0.0])
    after = torch.tensor([2.0, 0.5, 1.0, -3.0, 0.0, 1.0])
    assert watch._ways(before, after) == {"away": 3, "across": 1, "toward": 2}


def test_what_is_kept_is_bounded(monkeypatch):
    net = nn.Sequential(nn.Linear(40, 30))
    seen = Watch(net, (40,), Cover({}), Course(), "train")
    all_of_it = [e for epoch in range(1001) for e in seen(epoch, 1000)]
    assert len(all_of_it) <= watch.FRAMES
    assert [all_of_it[0].epoch, all_of_it[-1].epoch] == [0, 1000]
    monkeypatch.setattr(watch, "BITS", 10 * 1200)
    assert len([e for epoch in range(1001) for e in seen(epoch, 1000)]) <= 10
    monkeypatch.setattr(watch, "BITS", 1200)
    assert seen(0, 1000) == []


def test_watching_changes_nothing():
    net = nn.Sequential(nn.Linear(4, 3))
    state = {n: t.clone() for n, t in net.state_dict().items()}
    chance = torch.get_rng_state()
    seen = Watch(net, (4,), Cover({"0.weight": torch.eye(3, 4) > 0}), Course(), "train")
    (still,) = seen(0, 1)
    seen.moved("first")
    assert mask(still.layers[0]).sum() == 3
    assert all(torch.equal(t, state[n]) for n, t in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), chance)


def test_weights_that_are_not_finite_are_left_out_of_the_bins():
    row = watch._binned(torch.tensor([1.0, 2.0, float("inf"), float("nan")]))
    assert (sum(row["counts"]), row["low"], row["high"]) == (2, 1.0, 2.0)
    assert sum(watch._binned(torch.tensor([float("nan")]))["counts"]) == 0
    assert sum(watch._binned(torch.tensor([3.0, 3.0]))["counts"]) == 2


def test_events_go_through_json_and_a_headline_holds_none(told):
    events, _ = told["movement"]
    again = [from_json(json.loads(json.dumps(to_json(e)))) for e in events]
    result = fold(again)
    assert len(result.frames) == 5
    assert result.moved == fold(events).moved
    assert not {"frames", "moved"} & set(result.to_json())
