"""A network opened layer by layer: costs against real surgery, allocations, pictures, damage."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from make_structure import SPEC as SHIPPED_SPEC

from prunelab import aside, figures, structure
from prunelab.bearing import bearable, borne
from prunelab.catalogue import catalogue
from prunelab.job import prepare
from prunelab.measure.macs import macs
from prunelab.registry import MODELS
from prunelab.spec import RunSpec, SpecError
from prunelab.structure import Scan, Study
from prunelab.structuring import PLANS, costs
from prunelab.surgery import shrink
from prunelab.units.planning import example_of

SPEC = RunSpec(model="mlp", method="l1-filter", epochs=1, model_knobs={"widths": "12-8"})


@pytest.fixture(scope="module")
def shipped():
    folder = structure.place(structure.order(SHIPPED_SPEC))
    assert folder.parent == structure.SHIPPED
    return folder


@pytest.mark.parametrize(
    ("model", "unit", "shape"),
    [
        ("lenet-5", "filters", (1, 28, 28)),
        ("lenet-300-100", "filters", (1, 8, 8)),
        ("vgg-small", "filters", (3, 16, 16)),
        ("resnet-20", "filters", (3, 16, 16)),
        ("vit-tiny", "filters", (1, 8, 8)),
        ("vit-tiny", "heads", (1, 8, 8)),
    ],
)
def test_costs_are_those_of_the_network_that_is_cut(model, unit, shape):
    net = MODELS[model].function(shape, 10).eval()
    x = torch.randn(2, *shape)
    plan = PLANS[unit](net, x)
    groups = [{"name": c.name, "scores": list(range(c.size))} for c in plan.classes]
    study = Study({"groups": groups, "costs": costs(net, plan, example_of(net, x))})
    generator = np.random.default_rng(0)
    for _ in range(2):
        keep = {name: int(generator.integers(1, n + 1)) for name, n in study.sizes.items()}
        masks = {name: torch.from_numpy(m) for name, m in study.stays(keep).items()}
        small = shrink(plan, net, masks)
        real = sum(p.numel() for p in small.parameters()), sum(macs(small, x).values())
        assert study.cost(keep) == real
        table = study.layers(keep).set_index("layer")
        for name, layer in small.named_modules():
            if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
                assert table.loc[name, "outputs"] == len(layer.weight)


def test_what_is_left_in_a_folder_is_what_a_run_scores(tmp_path):
    shares = []
    study = structure.look(SPEC, tmp_path, lambda _, share: shares.append(share))
    assert shares == sorted(shares)
    assert study.sizes == {"fc1": 12, "fc2": 8}
    assert study.fixed.to_numpy().tolist() == [
        ["fc3", "cannot go", "its outputs are the outputs of the network"]
    ]
    scan, arrays = structure.scanned(tmp_path), structure.pictures(tmp_path)
    assert set(scan.accuracies) == {"fc1", "fc2"}
    assert arrays["filter.fc1"].shape == (12, 8, 8)
    weights = arrays["filter.fc1"].astype(float)
    assert study.scores["fc1"] == pytest.approx(np.abs(weights).sum((1, 2)), rel=0.01)
    spec = study.spec({"fc1": 6, "fc2": 3})
    assert spec == replace(SPEC, sparsity=0.55, layers={"fc1": 0.5, "fc2": 0.625})
    job = prepare(spec)
    scores = {name: torch.from_numpy(s) for name, s in study.scores.items()}
    assert {n: int(m.sum()) for n, m in job.select(scores, 0.55).mask.items()} == {
        "fc1": 6, "fc2": 3,
    }  # fmt: skip


def test_every_way_removes_what_was_asked_for(shipped):
    study, scan = structure.read(shipped), structure.scanned(shipped)
    total = sum(study.sizes.values())
    for way in ("uniform", "global", "sensitivity"):
        for sparsity in (0.0, 0.3, 0.5, 0.8, 0.95):
            keep = study.keep(way, sparsity, scan)
            assert all(1 <= keep[name] <= n for name, n in study.sizes.items())
            assert 1 - sum(keep.values()) / total == pytest.approx(sparsity, abs=0.01)
    assert study.keep("sensitivity", 0.5, scan)["conv1"] > study.keep("uniform", 0.5)["conv1"]
    masks = study.stays(study.keep("global", 0.5))
    lowest = min(study.scores[n][m].min() for n, m in masks.items() if m.sum() > 1)
    assert all(study.scores[n][~m].max(initial=0) <= lowest for n, m in masks.items())


def test_layers_that_bear_less_lose_less():
    found = {"a": {0.5: 0.9, 0.9: 0.8}, "b": {0.5: 0.6, 0.9: 0.2}}
    units = {"a": 10, "b": 30}
    for sparsity in (0.0, 0.1, 0.2, 0.4, 0.7, 0.95):
        shares = bearable(0.9, found, units, sparsity)
        assert sum(shares[n] * units[n] for n in units) / 40 == pytest.approx(sparsity)
        assert shares["a"] >= shares["b"]
    assert borne(0.9, found, 0.1) == {"a": 0.9, "b": 0.0}


def test_what_cannot_be_allocated_is_refused(shipped):
    study = structure.read(shipped)
    with pytest.raises(SpecError, match="wait for the scan"):
        study.keep("sensitivity", 0.5)
    with pytest.raises(SpecError, match="way must be"):
        study.keep("luck", 0.5)
    with pytest.raises(SpecError, match="at least 0 and below 1"):
        study.keep("uniform", 1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "magnitude"}, "magnitude removes weights of mlp"),
        ({"method": "block-influence", "model": "vit-tiny", "model_knobs": {}}, "removes blocks"),
        (
            {"method": "slimming", "model": "resnet-narrow", "model_knobs": {}},
            "chooses while the network trains",
        ),
        ({"method": "hrank"}, "hrank needs"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(changes, message):
    with pytest.raises(SpecError, match=message):
        structure.order(replace(SPEC, **changes))


def test_units_on_top_of_each_other_are_refused():
    net = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))
    x = torch.randn(2, 4)
    plan = PLANS["filters"](net, x)
    twice = replace(plan, classes=(*plan.classes, replace(plan.classes[0], name="again")))
    with pytest.raises(SpecError, match="lie on top of each other"):
        costs(net, twice, x)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"groups": 3}', '{"groups": [{}]}'])
def test_a_damaged_study_is_said(text, tmp_path):
    (tmp_path / structure.STUDY).write_text(text)
    (tmp_path / structure.SCAN).write_text(text)
    (tmp_path / structure.PICTURES).write_text(text)
    with pytest.raises(SpecError, match="damaged"):
        structure.read(tmp_path)
    with pytest.raises(SpecError, match="damaged"):
        structure.scanned(tmp_path)
    with pytest.raises(SpecError, match="damaged"):
        structure.pictures(tmp_path)


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "structures").write_text("a file")
    with pytest.raises(SpecError, match="cannot be written"):
        structure.start(structure.order(SPEC), tmp_path)


def test_the_shipped_study_is_the_one_its_script_makes(shipped):
    assert aside.look(shipped).name == "ready"
    study = structure.read(shipped)
    assert RunSpec.from_json(study.told["order"]["spec"]) == replace(SHIPPED_SPEC, sparsity=0.5)
    assert study.cost(study.sizes).params == 131_080
    assert "lenet-5" in catalogue()["models"]


def test_maps_show_the_ranks_of_their_singular_values(shipped):
    arrays = structure.pictures(shipped)
    for layer in ("conv1", "conv2"):
        sigma, maps = arrays[f"sigma.{layer}"], arrays[f"maps.{layer}"]
        line = sigma[..., :1] * max(maps.shape[-2:]) * np.finfo(np.float32).eps
        assert ((sigma > line).sum(-1) == arrays[f"ranks.{layer}"]).all()
        mean, effective = arrays[f"rank.{layer}"], arrays[f"effective.{layer}"]
        assert (effective <= mean + 1e-6).all()
    ranks, units = arrays["ranks.conv1"][0].tolist(), arrays["units.conv1"].tolist()
    picture = figures.feature_maps(arrays["maps.conv1"][0], ranks, units, "conv1")
    assert f"rank {max(ranks)}" in picture.title
    assert len(picture.figure.data) == len(units)
    found = figures.spectrum(arrays["sigma.conv1"][0], ranks, units, (8, 8))
    assert list(found.table["rank"]) == ranks
    alike = figures.feature_maps(arrays["maps.conv1"][0][:2], [3, 3], [0, 1], "conv1")
    assert alike.title == "conv1: all these maps have rank 3"


def test_figures_say_what_is_not_there(shipped):
    study = structure.read(shipped)
    arrays = structure.pictures(shipped)
    dense = figures.network(study.layers(study.sizes))
    assert dense.title.startswith("No multiply-add is saved")
    scores, stays = study.scores["conv1"], np.ones(20, bool)
    with pytest.raises(ValueError, match="Nothing of this layer goes"):
        figures.filters(arrays["filter.conv1"], scores, stays, "conv1", kept=False)
    with pytest.raises(ValueError, match="Nothing stays"):
        figures.filters(arrays["filter.conv1"], scores, ~stays, "conv1", kept=True)
    with pytest.raises(ValueError, match="No layer of this network multiplies"):
        figures.network(study.layers(study.sizes).assign(macs_before=0))
    assert "drag a bar" in figures.given_up(study.sizes, study.sizes, "filters", 0.0)
    assert json.dumps(study.told)
    assert isinstance(structure.scanned(shipped), Scan)
