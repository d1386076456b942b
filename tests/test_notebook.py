"""The notebook's face and runs in this process: stored, found again, cancelled, followed."""

from __future__ import annotations

import threading

import numpy as np
import plotly.graph_objects as go
import pytest
from torch import nn

import prunelab as pl
from prunelab.events import Cancelled, Epoch, Finished, Started
from prunelab.layers import layer_arrays
from prunelab.local import follow
from prunelab.store import Store, StoreError

FAST = {"epochs": 1, "recover_epochs": 1, "progress": False}
SPEC = pl.RunSpec(epochs=3, recover_epochs=1)


def test_a_run_has_models_tables_and_figures(home):
    run = pl.run(**FAST)
    assert isinstance(run.model, nn.Module)
    assert list(run.table["layer"]) == ["fc1", "fc2", "fc3"]
    assert "90 % of 50,200 weights gone" in repr(run).replace("\u00a0", " ")
    for name in ("histogram", "heatmap", "layers", "curve", "confusion", "size", "macs", "latency"):
        assert isinstance(getattr(run.plot, name)(), go.Figure), name
    assert isinstance(run.plot.histogram("fc1", "scores"), go.Figure)
    assert isinstance(run.plot.weights("fc1"), go.Figure)
    assert pl.load(run.key).result == run.result


def test_a_tree_has_its_picture(home):
    run = pl.run(model="decision-tree", method="cost-complexity", sparsity=0.7, progress=False)
    assert run.model.get_n_leaves() < 60
    assert isinstance(run.plot.tree(), go.Figure)
    assert isinstance(run.plot.histogram(), go.Figure)


def test_a_stored_run_is_not_run_again(home, monkeypatch):
    first = pl.run(**FAST)
    monkeypatch.setattr("prunelab.experiment.run", lambda *_, **__: pytest.fail("ran again"))
    assert pl.run(**FAST).result == first.result


def test_again_runs_again(home):
    first, second = pl.run(**FAST), pl.run(again=True, **FAST)
    assert first.result.recovered["accuracy"] == second.result.recovered["accuracy"]
    assert Store().row(first.key).attempt == 2


def test_a_sweep_has_random_beside_it_and_gives_methods_their_own_knobs(home):
    sweep = pl.sweep(
        method=["magnitude", "iterative-magnitude"], knobs={"rounds": 2}, seed=[0, 1], **FAST
    )
    assert sorted(set(sweep.table["method"])) == ["iterative-magnitude", "magnitude", "random"]
    assert list(sweep.table["seeds"]) == [2, 2, 2]
    assert isinstance(sweep.plot.tradeoff(), go.Figure)
    alone = pl.sweep(method=["magnitude"], baselines=False, **FAST)
    assert len(list(alone)) == 1


def test_nothing_of_a_sweep_starts_where_one_spec_cannot_run(home):
    with pytest.raises(pl.SpecError, match="below 1"):
        pl.sweep(sparsity=[0.5, 1.0], **FAST)
    assert Store().count() == 0


def test_a_failed_run_raises_with_its_reason(home):
    with pytest.raises(RuntimeError, match=r"failed: The loss became .* Lower the learning rate"):
        pl.run(lr=10.0, seed=5, epochs=8, progress=False)


def test_an_unknown_run_and_an_unknown_name(home):
    with pytest.raises(StoreError, match="no run 'r-7'"):
        pl.load("r-7")
    with pytest.raises(AttributeError, match=r"has no 'prun'; it has .*RunSpec"):
        _ = pl.prun


def test_the_weights_of_a_layer_and_what_stays(home):
    run = pl.run(**FAST)
    folder = Store().folder(run.key)
    weight, mask = layer_arrays(folder, "fc2")
    assert weight.shape == mask.shape == (100, 300)
    after = run.model.get_submodule("fc2").weight.detach().numpy()
    assert not after[~mask].any()
    assert np.abs(weight[mask]).min() >= np.abs(weight[~mask]).max()
    with pytest.raises(pl.SpecError, match="no weights of a layer 'fc9'"):
        layer_arrays(folder, "fc9")


def test_a_mask_over_filters_is_spread_over_their_weights(home):
    run = pl.run(method="l1-filter", sparsity=0.5, **FAST)
    weight, mask = layer_arrays(Store().folder(run.key), "fc1")
    assert weight.shape == mask.shape == (300, 64)
    assert set(mask.sum(1).tolist()) == {0, 64}


def test_ceasing_to_listen_cancels(home):
    store = Store()
    events = follow(SPEC, store)
    assert isinstance(next(events), Started)
    next(e for e in events if isinstance(e, Epoch))
    events.close()
    assert store.state(SPEC.key) == "cancelled"
    assert isinstance(store.events(SPEC.key)[-1][1], Cancelled)
    assert len(store.result(SPEC.key).epochs) >= 1  # the partial curve stays


def test_a_run_whose_process_is_gone_begins_again_here(home):
    store = Store(lease=0.3)
    store.submit(SPEC)
    assert store.claim(SPEC.key, "gone") == 1
    seen = list(follow(SPEC, store))
    assert isinstance(seen[0], Started)
    assert isinstance(seen[-1], Finished)
    assert store.row(SPEC.key).attempt == 2


def test_a_run_of_another_process_is_followed(home):
    store = Store()
    store.submit(SPEC)
    attempt = store.claim(SPEC.key, "another")
    seen = []
    listener = threading.Thread(target=lambda: seen.extend(follow(SPEC, Store())))
    listener.start()
    store.append(
        SPEC.key,
        [Started(key=SPEC.key, spec={}, settings={}, manifest={}, plan={}, unit="", of=0)],
        attempt=attempt,
    )
    store.finish(SPEC.key, Finished(seconds=1.0), attempt=attempt)
    listener.join(timeout=200)
    assert [type(e) for e in seen] == [Started, Finished]
