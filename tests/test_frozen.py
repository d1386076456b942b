"""What cannot be removed stays, with the reason: never wrong, at worst less to prune."""

import pytest
import torch
from architectures import NETS, Net, shuffled, shuffled_by_torch
from torch import nn
from torch.nn import functional as F

from prunelab.surgery import Untraceable, plan, shrink
from prunelab.surgery.lines import Line, Lines


def attended(x):
    """Two heads of 4 in a sequence of 2 positions, which the examples are."""
    heads = x.view(1, 2, 2, 4).transpose(1, 2)
    out = F.scaled_dot_product_attention(heads, heads, heads)
    return out.transpose(1, 2).reshape(2, 8)


def spread(x):
    return F.conv_transpose1d(x[:, :, None], torch.ones(8, 1, 1), groups=8)[:, :, 0]


def recurrent(x):
    return nn.LSTM(8, 8, batch_first=True)(x[:, None])[0][:, 0]


@pytest.mark.parametrize(
    ("middle", "reason"),
    [
        (lambda x: x.cumsum(1), "no rule for this use of aten::cumsum"),
        (lambda x: x.sort(1).values, "no rule for this use of aten::sort"),
        (lambda x: x[:, [1, 0, *range(2, 8)]], "indexed by numbers"),
        (lambda x: torch.cat(x.split([3, 5], 1), 1), "split by numbers"),
        (lambda x: torch.cat([x[:, 1:], x[:, :1]], 1), "sliced by numbers"),
        (lambda x: x + torch.arange(8.0), "joined with an axis that cannot shrink"),
        (lambda x: torch.from_numpy(x.detach().numpy()) * 1, "does not run"),
        (lambda x: F.group_norm(x, 2), "GroupNorm has its number of groups in the code"),
        (lambda x: x.view(-1, 2, 4).flatten(1) * (4 if x.shape[1] == 8 else 3), "does not run"),
        (lambda x: x * x.shape[1], "differs by"),
        (lambda x: x.view(-1, 4).flatten()[: len(x)].unsqueeze(1) + x, "is sliced by numbers"),
        (lambda x: x[:, x[0] > -99], "it holds indices"),
        (lambda x: x[[0, 1], [2, 3]].unsqueeze(1).expand(2, 8), "this use of aten::index"),
        (lambda x: x + x[:0].reshape(0).sum(), "no rule for this use of aten::view"),
        (lambda x: F.pad(x, (-1, 1)), "cut by numbers"),
        (lambda x: x + torch.ones(2, 1).expand(2, 8), "does not run"),
        (spread, "no rule for this use of aten::convolution"),
        (attended, "does not run"),
        (recurrent, "no rule for this use of"),
    ],
)
def test_what_cannot_shrink_is_fixed_with_the_reason(middle, reason):
    net = Net(lambda n, x: n.b(middle(n.a(x))), a=nn.Linear(4, 8), b=nn.Linear(8, 3)).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = plan(net, torch.randn(2, 4))
    assert found.classes == ()
    assert reason in found.frozen["a"]
    assert found.frozen["b"] == "its outputs are the outputs of the network"
    assert net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize("seed", [0, 191, 193])  # in two a layer on the way has no active unit
def test_one_block_speaks_for_its_like_but_not_for_an_odd_one(seed):
    """Of four blocks alike the second says its width: it stays, and the others go."""
    torch.manual_seed(seed)
    layers = {f"{kind}{i}": nn.Linear(6, 6) for i in range(4) for kind in "ab"}

    def run(n, x):
        for i in range(4):
            inner = torch.relu(n.get_submodule(f"a{i}")(x))
            x = n.get_submodule(f"b{i}")(inner) * (inner.shape[1] if i == 1 else 1)
        return n.c(x)

    found = plan(Net(run, c=nn.Linear(6, 3), **layers), torch.randn(2, 6))
    assert {"a0", "a2", "a3"} <= {c.name for c in found.classes}
    assert "differs by" in found.frozen["a1"]


def test_two_alike_that_only_go_together_are_not_offered():
    """As many units gone from both would hide that their difference counts."""
    ends = {
        "a1": nn.Linear(4, 8),
        "a2": nn.Linear(4, 8),
        "b1": nn.Linear(8, 3),
        "b2": nn.Linear(8, 3),
    }

    def run(n, x):
        one, two = torch.relu(n.a1(x)), torch.relu(n.a2(x))
        return n.b1(one) + n.b2(two) + (one.shape[1] - two.shape[1])

    found = plan(Net(run, **ends), torch.randn(2, 4))
    assert found.classes == ()
    assert "differs by" in found.frozen["a1"] + found.frozen["a2"]


def between(middle):
    layers = {"middle": middle} if isinstance(middle, nn.Module) else {}
    ends = {"a": nn.Linear(4, 8), "b": nn.Linear(8, 3)}
    return Net(lambda n, x: n.b((n.middle if layers else middle)(n.a(x))), **layers, **ends)


@pytest.mark.parametrize(
    ("middle", "reason"),
    [
        (nn.LayerNorm(8), "LayerNorm mixes"),
        (lambda x: F.layer_norm(x, x.shape[1:]), "LayerNorm mixes"),
        (nn.RMSNorm(8), "summed or averaged"),
        (lambda x: x / x.pow(2).mean(1, keepdim=True).sqrt(), "summed or averaged"),
        (lambda x: F.softmax(x, 1), "softmax mixes"),
    ],
)
def test_what_would_answer_something_else_is_said(middle, reason):
    found = plan(between(middle), torch.randn(2, 4))
    assert found.classes == ()
    assert reason in found.inexact["a"]
    assert found.frozen == {"b": "its outputs are the outputs of the network"}


@pytest.mark.parametrize(
    "middle",
    [
        lambda x: (x - x.mean(1, keepdim=True)) * 0 + x.norm(),
        lambda x: x + x.relu().sum(1, keepdim=True),
    ],
)
def test_a_sum_that_zeros_leave_as_it_is_does_not_count(middle):
    assert [c.name for c in plan(between(middle), torch.randn(2, 4)).classes] == ["a"]


def test_channels_of_a_group_norm_go_only_in_whole_groups():
    layers = {"a": nn.Conv2d(1, 12, 3), "norm": nn.GroupNorm(4, 12), "b": nn.Conv2d(12, 3, 3)}
    net = Net(lambda n, x: n.b(n.norm(n.a(x))), **layers)
    found = plan(net, torch.randn(2, 1, 8, 8))
    assert [(c.name, c.size) for c in found.classes] == [("a", 4)]
    assert "GroupNorm mixes the channels of a group" in found.inexact["a/2"]
    small = shrink(found, net, {"a": torch.tensor([True, False, True, True])})
    assert (small.norm.num_groups, small.norm.num_channels) == (3, 9)


def plain(x):
    return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    ("middle", "message"),
    [
        (plain, "reads a computed number"),
        (lambda x: x * float(x.mean()), "reads a computed number"),
        (lambda x: x[:, : int((x > 0).sum())], "reads a computed number"),
        (lambda x: x @ x, r"does not run on the example \(RuntimeError: mat1 and mat2"),
        (lambda x: x.nothing, r"does not run on the example \(AttributeError"),
    ],
)
def test_a_forward_that_one_run_does_not_show_is_refused_and_left_as_it_was(middle, message):
    net = between(middle).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(Untraceable, match=message):
        plan(net, torch.randn(2, 4))
    assert net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_a_forward_that_writes_on_its_weights_is_refused_before_it_does():
    net = between(lambda x: x)
    net.run = lambda n, x: n.b(n.a(x)) + n.a.weight.mul_(0.5).sum()
    before = net.a.weight.clone()
    with pytest.raises(Untraceable, match="writes on its own parameters"):
        plan(net, torch.randn(2, 4))
    assert torch.equal(net.a.weight, before)


@pytest.mark.parametrize("answer", [lambda y: y.argmax(1), lambda y: y / 0 * 0])
def test_answers_that_say_nothing_are_not_believed(answer):
    def run(n, x):
        y = n.a(x)
        return answer(n.b(y) * (-1) ** y.shape[1])

    found = plan(Net(run, a=nn.Linear(4, 8), b=nn.Linear(8, 3)), torch.randn(64, 4))
    assert "differs by" in found.frozen["a"]


def test_an_unusual_use_of_an_operation_is_no_error():
    layers = {"a": nn.Linear(4, 8), "b": nn.Linear(8, 3), "scale": nn.Parameter(torch.ones(()))}

    def run(n, x):
        return n.b(n.a(x)) + n.scale.softmax(0)

    net = Net(run, **layers)
    assert [c.name for c in plan(net, torch.randn(2, 4)).classes] == ["a"]


def test_a_blank_example_hides_no_mistake():
    layers = {"a": nn.Linear(4, 8, bias=False), "b": nn.Linear(8, 3)}
    net = Net(lambda n, x: n.b(n.a(x) * n.a(x).shape[1]), **layers)
    assert "differs by" in plan(net, torch.zeros(2, 4)).frozen["a"]


def test_a_forward_that_draws_numbers_is_not_believed():
    net = Net(lambda n, x: n.b(n.a(x)) + torch.rand(2, 3), a=nn.Linear(4, 8), b=nn.Linear(8, 3))
    assert "differs by" in plan(net, torch.randn(2, 4)).frozen["a"]


def test_an_operation_of_somebody_else_is_fixed():
    with torch.library._scoped_library("prunelabtest", "DEF") as library:
        library.define("mystery(Tensor x) -> Tensor")
        library.impl("mystery", lambda x: x.flip(1), "CompositeExplicitAutograd")
        mystery = torch.ops.prunelabtest.mystery.default
        net = Net(lambda n, x: n.b(mystery(n.a(x))), a=nn.Linear(4, 8), b=nn.Linear(8, 3))
        found = plan(net, torch.randn(2, 4))
    assert found.frozen["a"] == "PruneLab has no rule for this use of prunelabtest::mystery"


def test_a_class_that_fails_does_not_spoil_the_others():
    def run(n, x):
        x = n.b(F.relu(n.a(x)))
        return n.c(x * x.shape[1])

    net = Net(run, a=nn.Linear(4, 8), b=nn.Linear(8, 6), c=nn.Linear(6, 3), spare=nn.Linear(3, 3))
    found = plan(net, torch.randn(2, 4))
    assert [c.name for c in found.classes] == ["a"]
    assert "differs by" in found.frozen["b"]
    assert found.frozen["spare"] == "it is not used on the example"


def test_a_number_of_groups_in_the_code_shows_although_a_shuffle_of_one_group_would_run():
    found = plan(shuffled_by_torch(), torch.randn(2, 1, 8, 8))
    assert [(c.name, c.size) for c in found.classes] == [("a", 6), ("b.0", 4), ("c", 4)]
    assert "a/2 in groups" in found.frozen


def test_the_example_is_not_written_on():
    net = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 8), nn.Linear(8, 3))
    x = torch.full((2, 4), -1.0)
    assert len(plan(net, x).classes) == 1
    assert (x == -1).all()


def test_a_single_unit_stays():
    found = plan(nn.Sequential(nn.Linear(4, 1), nn.Linear(1, 3)), torch.randn(2, 4))
    assert found.classes == ()
    assert found.frozen["0"] == "it has a single unit"


def test_channels_of_a_shuffle_go_so_that_its_table_stays_one():
    found = plan(shuffled(2), torch.randn(2, 1, 8, 8))
    assert [(c.name, c.size) for c in found.classes] == [("a", 3), ("a/2", 2), ("b.0", 6)]
    assert found.classes[0].members[0].units.tolist() == [0, 1, 2] * 4
    assert "differs by" in found.frozen["a/3 in groups"]


def test_a_shuffle_that_ties_all_channels_fixes_them():
    found = plan(shuffled(3), torch.randn(2, 1, 8, 8))
    assert [c.name for c in found.classes] == ["b.0"]
    assert found.frozen["a"] == "its units could only go all together"


class TestLines:
    def test_joining_with_a_fixed_axis_fixes(self):
        lines = Lines()
        axis = lines.fresh(3)
        lines.equate(axis, None, "because")
        assert lines.find(axis) is None
        assert lines.why(axis) == "because"

    def test_a_table_is_found_again_after_it_was_flattened(self):
        lines = Lines()
        rows, columns = lines.fresh(2), lines.fresh(3)
        assert lines.split(lines.join(2, rows, 3, columns), 2, 3) == (rows, columns)

    def test_a_table_is_cut_finer(self):
        lines = Lines()
        flat = lines.join(2, lines.fresh(2), 6, lines.fresh(6))
        rows, columns = lines.split(flat, 4, 3)
        assert rows.value.outer == 2
        assert lines.split(flat, 2, 6)[1].value.columns is columns

    @pytest.mark.parametrize("by_position", [False, True])
    def test_reasons_pass_through_equations(self, by_position):
        lines = Lines()
        one, other = lines.fresh(6), lines.fresh(6)
        if by_position:
            lines.positions(one)
            lines.positions(other)
        rows, columns = lines.split(one, 2, 3)
        lines.equate(other, lines.join(2, rows, 3, columns), "equal")
        lines.freeze(rows, "rows are fixed")
        lines.freeze(columns, "columns are fixed")
        assert lines.why(other) == "rows are fixed"

    def test_different_tables_are_joined_factor_by_factor(self):
        lines = Lines()
        pairs = [(lines.fresh(2), lines.fresh(3)) for _ in range(2)]
        lines.equate(*(lines.join(2, rows, 3, columns) for rows, columns in pairs), "equal")
        assert len({id(lines.find(line)) for pair in pairs for line in pair}) == 2

    def test_chains_that_are_cut_differently_are_joined_position_by_position(self):
        lines = Lines()
        a, b, c = lines.fresh(2), lines.fresh(3), lines.fresh(5)
        lines.positions(c)
        lines.equate(lines.chain([a, b], [2, 3]), c, "equal")
        lines.freeze(a, "fixed")
        terms = [lines.atoms.resolve(term) for term in lines.positions(c)]
        assert [bool(term) for term in terms] == [False, False, True, True, True]

    def test_a_table_that_meets_its_own_row_becomes_one(self):
        lines = Lines()
        one, other = lines.positions(lines.fresh(2)), lines.positions(lines.fresh(2))
        both = Line(2, tuple(a | b for a, b in zip(one, other, strict=True)))
        lines.equate(both, Line(2, one), "equal")
        assert [lines.atoms.resolve(t) for t in one] == [lines.atoms.resolve(t) for t in other]


@pytest.mark.parametrize("name", ["own attention", "transformer", "squeeze excite", "mlp gelu"])
def test_heads_are_told_from_filters(name):
    found = plan(NETS[name][0](), torch.randn(2, 1, 8, 8))
    heads = {c.name: c.size for c in found.classes if c.heads}
    assert heads == {
        "own attention": {"qkv": 3},
        "transformer": {"layer.self_attn.in_proj_weight": 2},
    }.get(name, {})
