"""Filters as units: what groups there are, what a score is, and that removal is real."""

import gc
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from prunelab.cover import Cover, apply, zeros_kept
from prunelab.masks import allocate, select
from prunelab.measure.macs import macs
from prunelab.parts import Table, split
from prunelab.registry import METHODS, MODELS, UNITS
from prunelab.units import filters as module
from prunelab.units import planning

FILTERS = UNITS["filters"].function()
NETWORKS = ["mlp", "lenet-300-100", "lenet-5", "vgg-small", "resnet-narrow"]
EXAMPLE = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def parts():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 1, 8, 8)).astype(np.float32)
    return split(Table(x=x, y=np.arange(60) % 3, classes=("a", "b", "c")))


def build(name, **knobs):
    torch.manual_seed(0)
    return MODELS[name].function((1, 8, 8), 10, **knobs)


def scored(method, net, data, seed=0):
    given = {"unit": FILTERS, "seed": seed} if method == "random-filter" else {}
    return METHODS[method].function(net, data, **given)


def chosen(scores, sparsity):
    return select(scores, allocate(scores, sparsity, "uniform", floor=1))


def test_groups_are_the_hidden_layers():
    assert FILTERS.shapes(build("mlp"), EXAMPLE) == {"fc1": (64,), "fc2": (32,)}
    shapes = FILTERS.shapes(build("lenet-5"), EXAMPLE)
    assert shapes == {"conv1": (20,), "conv2": (50,), "fc1": (500,)}


def test_the_filters_a_shortcut_adds_are_one_group():
    net = build("resnet-narrow", width=4)
    plan = module.planned(net, EXAMPLE)
    assert plan.classes[0].producers == (
        "conv1",
        "stage1.0.conv2",
        "stage2.0.conv2",
        "stage3.0.conv2",
    )
    assert [member.units.tolist() for member in plan.classes[0].members if member.layer] == [
        [0, 1, 2, 3],
        [0, 1, 2, 3],
        [-1, -1, 0, 1, 2, 3, -1, -1],
        [*[-1] * 6, 0, 1, 2, 3, *[-1] * 6],
    ]


def test_the_l1_norm_by_hand():
    net = nn.Sequential(nn.Conv2d(1, 2, (1, 2)), nn.ReLU(), nn.Conv2d(2, 1, 1))
    net[0].weight.data = torch.tensor([[[[1.0, -2.0]]], [[[0.5, 0.25]]]])
    net[0].bias.data = torch.tensor([100.0, -100.0])
    assert scored("l1-filter", net, torch.randn(2, 1, 3, 3))["0"].tolist() == [3.0, 0.75]


def test_layers_that_go_together_add_their_norms():
    net = build("resnet-narrow", width=4)
    outer = net.conv1.weight, net.stage1[0].conv2.weight
    wider = net.stage2[0].conv2.weight[2:6], net.stage3[0].conv2.weight[6:10]
    wanted = sum(w.detach().double().abs().sum((1, 2, 3)) for w in (*outer, *wider))
    torch.testing.assert_close(scored("l1-filter", net, EXAMPLE)["conv1"], wanted)


def test_the_l1_norm_scales_and_permutes_with_its_filters():
    net = build("vgg-small", width=4)
    before = scored("l1-filter", net, EXAMPLE)["conv2_1"]
    order = torch.randperm(8)
    net.conv2_1.weight.data = 3 * net.conv2_1.weight.data[order]
    torch.testing.assert_close(scored("l1-filter", net, EXAMPLE)["conv2_1"], 3 * before[order])


def test_random_scores_depend_on_seed_and_group_alone():
    net = build("mlp", widths="8-8")
    first, again = (scored("random-filter", net, EXAMPLE) for _ in range(2))
    other = scored("random-filter", net, EXAMPLE, seed=1)
    assert torch.equal(first["fc1"], again["fc1"])
    assert not torch.equal(first["fc1"], other["fc1"])
    assert not torch.equal(first["fc1"], first["fc2"])


@pytest.mark.parametrize("method", ["l1-filter", "random-filter"])
@pytest.mark.parametrize("name", NETWORKS)
def test_removal_is_real_and_what_the_zeros_computed(method, name, parts):
    net = build(name).eval()
    scores = scored(method, net, parts)
    mask = chosen(scores, 0.5)
    small = FILTERS.keep(net, parts, mask)
    cover = Cover(FILTERS.cover(net, parts, mask))
    assert not zeros_kept(net, cover)
    apply(net, cover)
    assert zeros_kept(net, cover)
    x = torch.from_numpy(parts.train.x)
    torch.testing.assert_close(small(x), net(x), atol=1e-5, rtol=1e-5)
    total = sum(p.numel() for p in net.parameters())
    assert sum(p.numel() for p in small.parameters()) < 0.6 * total
    assert sum(macs(small, x).values()) < 0.6 * sum(macs(net, x).values())


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.8))
@settings(max_examples=15, deadline=None)
def test_any_sparsity_keeps_a_filter_of_each_group(seed, sparsity):
    net = build("resnet-narrow", width=4)
    mask = chosen(scored("random-filter", net, EXAMPLE, seed=seed), sparsity)
    rows = FILTERS.rows(net, EXAMPLE, mask)
    assert all(row["kept"] >= 1 for row in rows)
    small = FILTERS.keep(net, EXAMPLE, mask)
    assert FILTERS.shapes(small, EXAMPLE) == {
        row["name"]: (row["kept"],) for row in rows if row["kept"] > 1
    }


def test_rows_say_what_each_group_is_and_keeps():
    net = build("lenet-5")
    masks = {n: torch.ones(s, dtype=torch.bool) for n, s in FILTERS.shapes(net, EXAMPLE).items()}
    masks["conv2"][10:] = False
    rows = FILTERS.rows(net, EXAMPLE, masks)
    assert rows[1] == {"name": "conv2", "shape": [50, 20, 5, 5], "units": 50, "kept": 10}
    assert [row["kept"] for row in rows] == [20, 10, 500]


def test_the_small_network_can_be_pruned_again(parts):
    net = build("vgg-small")
    first = chosen(scored("l1-filter", net, parts), 0.5)
    small = FILTERS.keep(net, parts, first)
    again = FILTERS.keep(small, parts, chosen(scored("l1-filter", small, parts), 0.5))
    assert [w.shape[0] for n, w in again.named_parameters() if "conv" in n] == [4, 8, 16]


def test_an_example_is_needed():
    with pytest.raises(ValueError, match="needs an example input: pass data, or a tensor"):
        FILTERS.shapes(build("mlp"), None)


def test_a_network_without_hidden_layers_is_refused():
    net = nn.Linear(4, 3)
    with pytest.raises(ValueError, match=r"no filters that .*outputs of the network"):
        FILTERS.shapes(net, torch.randn(2, 4))
    with pytest.raises(ValueError, match=r"no filters that can be removed \(no layers\)"):
        FILTERS.shapes(nn.BatchNorm1d(4), torch.randn(2, 4))


def test_a_removal_that_would_differ_is_refused(monkeypatch):
    net = build("mlp")
    mask = {n: torch.arange(*s) > 3 for n, s in FILTERS.shapes(net, EXAMPLE).items()}
    monkeypatch.setattr(planning, "cover", lambda *_: {})
    with pytest.raises(RuntimeError, match="without its pruned filters differs by"):
        FILTERS.keep(net, EXAMPLE, mask)


def test_the_plan_is_found_once_and_goes_with_its_network(monkeypatch):
    net = build("mlp")
    plan = module.planned(net, EXAMPLE)
    assert module.planned(net, EXAMPLE) is plan
    net.fc3 = nn.Linear(32, 11)
    assert module.planned(net, EXAMPLE) is not plan
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def test_float64_networks_and_integer_inputs(parts):
    assert FILTERS.shapes(build("mlp").double(), parts)["fc1"] == (64,)
    net = nn.Sequential(nn.Embedding(5, 6), nn.Flatten(), nn.Linear(12, 7), nn.Linear(7, 2))
    shapes = FILTERS.shapes(net, torch.tensor([[0, 1], [2, 4]]))
    assert shapes == {"2": (7,)}
