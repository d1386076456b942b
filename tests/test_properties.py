"""The table of properties names tests that exist; and properties that have no home elsewhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from prunelab import checks
from prunelab.masks import SCOPES, allocate, select
from prunelab.methods.magnitude import magnitude
from prunelab.methods.snip import snip
from prunelab.methods.synflow import synflow

HERE = Path(__file__).parent
PAGE = (HERE.parent / "docs" / "properties.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)


def names_in(file: str) -> set[str]:
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_test_and_law_of_the_table_exists():
    assert len(NAMED) > 40
    assert [(f, t) for f, t in NAMED if t not in names_in(f)] == []
    laws = {law.__name__ for law in checks.LAWS.values()}
    assert set(re.findall(r"`law:(\w+)`", PAGE)) <= laws


def test_every_property_has_a_row_with_a_test():
    rows = dict(re.findall(r"^\| (P\d+) \|(.*)$", PAGE, re.MULTILINE))
    assert list(rows) == [f"P{n}" for n in range(1, 17)]
    assert all("`" in row for row in rows.values())


def a_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scale_or_another_order_of_layers_changes_no_mask(scope):
    scores = magnitude(a_net(), None)
    plain = {n: scores[n].clone() for n in scores}
    kept = allocate(plain, 0.7, scope)
    mask = select(plain, kept)
    larger = {n: 4.0 * s for n, s in plain.items()}
    assert allocate(larger, 0.7, scope) == kept
    for name, chosen in select(larger, kept).items():
        assert torch.equal(chosen, mask[name])
    if scope == "uniform-plus":  # its rule is about the first and the last layer
        return
    turned = {n: plain[n] for n in reversed(plain)}
    assert allocate(turned, 0.7, scope) == kept


LAYERS = {
    "grouped": lambda: nn.Conv2d(4, 6, 3, groups=2),
    "depthwise": lambda: nn.Conv2d(4, 4, 3, groups=4),
    "dilated": lambda: nn.Conv2d(4, 6, 3, dilation=2),
    "one by one": lambda: nn.Conv2d(4, 6, 1),
    "along one side": lambda: nn.Conv2d(4, 6, (1, 3), stride=(1, 2)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_every_kind_of_layer_is_scored_and_masked(kind):
    torch.manual_seed(0)
    middle = LAYERS[kind]()
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), middle, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(middle.out_channels, 3),
    )  # fmt: skip
    data = (torch.randn(30, 1, 9, 9), torch.arange(30) % 3)
    for scores in (
        magnitude(net, None),
        snip(net, data, seed=0),
        synflow(net, data_of(1, 9, 9), sparsity=0.5, score_rounds=3),
    ):
        shapes = {"0": net[0].weight.shape, "2": middle.weight.shape, "5": net[5].weight.shape}
        assert {n: scores[n].shape for n in scores} == shapes
        mask = select(scores, allocate(scores, 0.5))
        total = sum(s.numel() for s in shapes.values())
        assert sum(int(m.sum()) for m in mask.values()) == total - (total + 1) // 2


def data_of(*shape):
    return torch.zeros(2, *shape), torch.tensor([0, 1])
