"""Heads of attention and residual modules: which there are, what a score is, removal is real."""

import copy
from dataclasses import replace

import pytest
import torch
from architectures import Net
from torch import nn
from torch.nn.functional import cross_entropy

from prunelab.course import Course, Memory
from prunelab.events import fold
from prunelab.experiment import prune, run
from prunelab.filters.readers import readers
from prunelab.methods import snip_identity as priors
from prunelab.registry import METHODS, MODELS, UNITS
from prunelab.spec import RunSpec, SpecError
from prunelab.surgery import apart
from prunelab.surgery.branches import branches, flows, without
from prunelab.units import blocks as module
from prunelab.units.heads import planned

X = torch.randn(24, 1, 8, 8, generator=torch.Generator().manual_seed(0))
Y = torch.arange(24) % 10
BLOCKS = UNITS["blocks"].function()
SHORT = RunSpec(model="vit-tiny", sparsity=0.5, epochs=2, recover_epochs=1)


def build(name="vit-tiny", **knobs):
    torch.manual_seed(0)
    return MODELS[name].function((1, 8, 8), 10, **knobs).eval()


class Added(nn.Module):
    """A stream with one residual module."""

    def __init__(self, inner, answer=lambda x: x):
        super().__init__()
        self.inner, self.answer, self.out = inner, answer, nn.Linear(2, 3)

    def forward(self, x):
        return self.out(x + self.answer(self.inner(x)))


def linear(*rows):
    layer = nn.Linear(2, 2, bias=False)
    layer.weight = nn.Parameter(torch.tensor(rows))
    return layer


class TestResidualModules:
    def test_those_of_a_transformer_are_attention_and_the_two_layers(self):
        found = branches(build(blocks=2), X)
        assert found == {
            f"blocks.{i}.{part}": True for i in (0, 1) for part in ("attention", "mlp")
        }

    def test_those_of_a_resnet_are_the_blocks_that_keep_their_shape(self):
        found = branches(build("resnet-20"), X)
        strided = {"stage2.0", "stage3.0"}
        every = [f"stage{s}.{b}" for s in (1, 2, 3) for b in range(3)]
        assert found == dict.fromkeys([name for name in every if name not in strided], False)

    def test_pytorch_s_own_attention_answers_more_than_one_thing(self):
        layer = nn.TransformerEncoderLayer(8, 2, 12, norm_first=True, batch_first=True)
        net = Net(lambda n, x: n.fc(n.layer(x[:, 0])), layer=layer, fc=nn.Linear(8, 3)).eval()
        assert branches(net, X) == {"layer.self_attn": True}
        small = without(net, X, ["layer.self_attn"])
        with torch.no_grad():
            for parameter in net.layer.self_attn.parameters():
                parameter.zero_()
        assert apart(net, small, X) < 1e-12

    def test_a_stream_that_is_written_on_is_seen_as_it_was(self):
        def add(n, x):
            x += n.f(n.norm(x))
            return n.fc(x)

        layers = {"f": nn.Linear(8, 8), "norm": nn.LayerNorm(8), "fc": nn.Linear(8, 3)}
        net, x = Net(add, **layers), torch.randn(4, 8)
        assert branches(net, x) == {"f": True}
        assert torch.equal(flows(net, x, ["f"])["f"].before, x)
        assert torch.equal(flows(net, x, ["f"])["f"].added, net.f(net.norm(x)))

    @pytest.mark.parametrize(
        "run",
        [
            lambda n, x: n.fc(n.f(x)),  # nothing is added
            lambda n, x: n.fc(x + n.f(torch.relu(x))),  # read through something else
            lambda n, x: n.fc(x + n.f(x) + n.f(x)),  # runs twice
            lambda n, x: n.fc(x + n.f(x) + n.other(x)),  # shares its weight
            lambda n, x: n.fc(x + n.g(x)),  # answers something with zeros too
        ],
    )
    def test_others_are_none(self, run):
        f = nn.Linear(8, 8)
        other = nn.Linear(8, 8)
        other.weight = f.weight
        g = Net(lambda n, x: n.f(x) + 1, f=nn.Linear(8, 8))
        net = Net(run, f=f, other=other, g=g, fc=nn.Linear(8, 3))
        assert "f" not in branches(net, torch.randn(4, 8))
        assert "g" not in branches(net, torch.randn(4, 8))

    def test_a_network_without_any_is_refused(self):
        with pytest.raises(ValueError, match="no residual modules that can be removed"):
            BLOCKS.shapes(build("mlp"), X)

    @pytest.mark.parametrize("name", ["vit-tiny", "resnet-20"])
    def test_removed_is_masked(self, name):
        net = build(name).double()
        (n,) = BLOCKS.shapes(net, X)["blocks"]
        mask = {"blocks": torch.arange(n) % 3 > 0}
        small = BLOCKS.keep(net, X, mask)
        masked = copy.deepcopy(net)
        module.zero(masked, BLOCKS.cover(net, X, mask))
        with torch.no_grad():
            assert (masked(X.double()) - small(X.double())).abs().max() < 1e-12
            assert (net(X.double()) - small(X.double())).abs().max() > 1e-3
        gone = [r for r in BLOCKS.rows(net, X, mask) if not r["kept"]]
        counts = [sum(p.numel() for p in each.parameters()) for each in (net, small)]
        assert counts[0] - counts[1] == sum(r["shape"][0] for r in gone) > 0

    def test_a_removal_that_would_differ_is_refused(self, monkeypatch):
        monkeypatch.setattr(module, "_cover", lambda *_: {})
        with pytest.raises(RuntimeError, match="without its pruned blocks differs by"):
            BLOCKS.keep(build(blocks=1), X, {"blocks": torch.tensor([True, False])})


@pytest.mark.parametrize(
    ("rows", "influence"),
    [
        (((0.0, 0.0), (0.0, 0.0)), 0.0),
        (((-1.0, -1.0), (1.0, -1.0)), 1.0),  # turned by a right angle
        (((-2.0, 0.0), (0.0, -2.0)), 2.0),
        (((1.0, 0.0), (0.0, 1.0)), 0.0),  # only scaled
        (((0.0, -1.0), (1.0, 0.0)), 1 - 0.5**0.5),
    ],
)
def test_block_influence_by_hand(rows, influence):
    net = Added(linear(*rows))
    found = METHODS["block-influence"].function(net, torch.randn(9, 2), seed=0)
    assert float(found["blocks"]) == pytest.approx(influence, abs=1e-6)


def test_what_a_gate_on_a_head_would_feel():
    net = build(blocks=1).double()
    found = METHODS["head-importance"].function(
        net, (X.double(), Y), seed=0, examples=24, normalize=False
    )["blocks.0.attention.qkv"]
    gates = torch.ones(24, 4, dtype=torch.float64, requires_grad=True)
    out = net.blocks[0].attention.out
    hook = out.register_forward_pre_hook(
        lambda _, args: (args[0] * gates.repeat_interleave(8, 1)[:, None],)
    )
    cross_entropy(net(X.double()), Y, reduction="sum").backward()
    hook.remove()
    assert torch.allclose(found, gates.grad.abs().mean(0), atol=1e-14)
    assert found.min() > 0


def test_a_head_nobody_hears_goes_first_and_nothing_changes():
    net = build(blocks=2)
    with torch.no_grad():
        net.blocks[1].attention.out.weight[:, 8:16] = 0
    found = METHODS["head-importance"].function(net, (X, Y), seed=0)
    assert float(found["blocks.1.attention.qkv"][1]) == 0
    assert float(found["blocks.0.attention.qkv"].norm()) == pytest.approx(1)
    small = prune(net, "head-importance", 1 / 8, (X, Y))
    assert small.blocks[1].attention.out.in_features == 24
    assert apart(net, small, X) < 1e-6


def test_a_blank_image_does_not_hide_which_numbers_are_of_heads():
    assert [c.size for c in planned(build(), torch.zeros(2, 1, 8, 8)).classes] == [4] * 4


def test_a_layer_without_heads_keeps_a_silent_one():
    net, unit = build(blocks=2), UNITS["heads"].function()
    mask = {name: torch.ones(4, dtype=torch.bool) for name in unit.shapes(net, X)}
    mask["blocks.1.attention.qkv"][:] = False
    small = unit.keep(net, X, mask)
    attention = small.blocks[1].attention
    assert attention.out.in_features == 8
    assert not attention.out.weight.count_nonzero()
    with torch.no_grad():
        net.blocks[1].attention.out.weight.zero_()
    assert apart(net, small, X) < 1e-6


def test_heads_of_pytorch_s_own_attention_are_scored():
    layer = nn.TransformerEncoderLayer(8, 4, 12, dropout=0.0, batch_first=True)
    net = Net(lambda n, x: n.fc(n.layer(x[:, 0]).mean(1)), layer=layer, fc=nn.Linear(8, 10))
    with torch.no_grad():
        layer.self_attn.out_proj.weight[:, 2:4] = 0
    (found,) = METHODS["head-importance"].function(net, (X, Y), seed=0).values()
    assert found.argmin() == 1
    assert found[1] == 0
    assert (found[[0, 2, 3]] > 0).all()
    (group,) = planned(net, X).classes
    assert [r.layer for r in readers(net, group)] == ["layer.self_attn.out_proj"]


class TestIdentityPriors:
    """The oracles of spectral-normalised identity priors."""

    def test_a_module_that_adds_nothing_scores_zero_and_goes_first(self):
        net = build(blocks=2)
        with torch.no_grad():
            net.blocks[1].mlp[2].weight.zero_()
            net.blocks[1].mlp[2].bias.zero_()
        found = priors.scores(net, X)["blocks"]
        assert found.tolist().index(0) == int(found.argmin()) == 3
        small = BLOCKS.keep(net, X, {"blocks": found > 0})
        assert apart(net, small, X) < 1e-12

    def test_the_score_by_hand(self):
        net = Added(linear((0.5, 0.0), (0.0, 0.5)))
        assert float(priors.scores(net, torch.randn(9, 2))["blocks"]) == pytest.approx(0.5)

    @pytest.mark.parametrize("ceiling", [0.5, 1.0])
    def test_no_weight_has_a_larger_spectral_norm(self, ceiling):
        held = {"a": torch.randn(7, 5) * 3, "b": torch.randn(4, 3, 3, 3), "c": torch.eye(3) / 4}
        first = {n: w.clone() for n, w in held.items()}
        priors.limit(held, ceiling)
        for w in held.values():
            assert torch.linalg.matrix_norm(w.flatten(1), 2) <= ceiling * (1 + 1e-3)
        assert torch.equal(held["c"], first["c"])  # small ones stay
        larger = {"a": first["a"] * 10}
        priors.limit(larger, ceiling)
        assert torch.allclose(larger["a"], held["a"], atol=1e-6)
        two, one = torch.randn(6, 7), held["a"]
        priors.limit({"two": two}, ceiling)
        x = torch.randn(100, 5)
        answer = torch.relu(x @ one.T) @ two.T
        assert (answer.norm(dim=1) <= ceiling**2 * x.norm(dim=1) * (1 + 1e-3)).all()

    def test_steps_of_power_iteration_come_to_the_same(self):
        held, exact = {"a": torch.randn(9, 6) * 2}, {}
        exact["a"] = held["a"].clone()
        priors.limit(exact, 1.0)
        vectors = {"a": priors._first("a", held["a"][:, 0])}
        for _ in range(60):
            priors._limit_by_step(held, vectors, 1.0)
        assert float(torch.linalg.matrix_norm(held["a"], 2)) == pytest.approx(1.0, rel=1e-3)

    def test_the_prior_shrinks_what_is_added(self):
        def added(prior):
            small = {"width": 16, "blocks": 2}
            spec = replace(SHORT, method="snip-identity", knobs={"prior": prior}, model_knobs=small)
            return fold(run(spec)).histograms["scores pruned"]

        with_prior, without_it = (added(p) for p in (1.0, 0.0))
        assert mean(with_prior) < 0.9 * mean(without_it)

    def test_the_penalty_is_the_mean_of_what_is_added(self):
        net, course, memory = Added(linear((2.0, 0.0), (0.0, 2.0))), Course(due=False), Memory()
        learn = METHODS["snip-identity"].function(
            net, torch.ones(4, 2), memory=memory, course=course, prior=0.5, ceiling=10.0
        )
        next(learn)
        course.forward["inner"](net.inner, torch.tensor([[1.0, -3.0]]))
        assert float(course.penalty().detach()) == pytest.approx(0.5 * 4)
        course.mask = {"blocks": torch.tensor([True])}
        next(learn)
        assert course.penalty is None
        assert course.forward == {}


def mean(histogram):
    (row,) = histogram.layers
    counts, wide = row["counts"], (row["high"] - row["low"]) / len(row["counts"])
    return sum(c * (row["low"] + (i + 0.5) * wide) for i, c in enumerate(counts)) / sum(counts)


@pytest.mark.parametrize("method", ["head-importance", "block-influence"])
def test_runs_of_heads_and_blocks_are_smaller(method):
    result = fold(run(replace(SHORT, method=method)))
    assert result.sparsity["achieved"] == 0.5
    assert result.recovered["params"] < 0.8 * result.dense["params"]
    assert result.recovered["macs"]["shipped"] < 0.8 * result.recovered["macs"]["dense"]
    assert not any("lost everything" in w for w in result.warnings)


def test_a_width_that_heads_do_not_divide_is_refused():
    with pytest.raises(SpecError, match="width must be a multiple of heads, got 32 and 5"):
        build(heads=5)
