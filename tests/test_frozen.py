"""What cannot be removed stays, with the reason: never wrong, at worst less to prune."""

import pytest
import torch
from architectures import Net, shuffled, shuffled_by_torch
from torch import nn
from torch.nn import functional as F

from prunelab.surgery import plan
from prunelab.surgery.atoms import Atoms, join


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
        (lambda x: F.layer_norm(x, x.shape[1:]), "LayerNorm mixes"),
        (lambda x: x / x.pow(2).mean(1, keepdim=True).sqrt(), "summed over"),
        (lambda x: F.softmax(x, 1), "softmax mixes"),
        (lambda x: x.cumsum(1), "no rule for this use of aten::cumsum"),
        (lambda x: x.sort(1).values, "no rule for this use of aten::sort"),
        (lambda x: x[:, [1, 0, *range(2, 8)]], "indexed by numbers"),
        (lambda x: torch.cat(x.split([3, 5], 1), 1), "split by numbers"),
        (lambda x: torch.cat([x[:, 1:], x[:, :1]], 1), "sliced by numbers"),
        (lambda x: x + torch.arange(8.0), "joined with an axis that cannot shrink"),
        (lambda x: torch.from_numpy(x.detach().numpy()) * 1, "does not run"),
        (lambda x: F.group_norm(x, 2), "GroupNorm mixes"),
        (lambda x: x.view(-1, 2, 4).flatten(1) * (4 if x.shape[1] == 8 else 3), "does not run"),
        (lambda x: x * x.shape[1], "differs by"),
        (lambda x: x.view(-1, 4).flatten()[: len(x)].unsqueeze(1) + x, "is sliced by numbers"),
        (lambda x: x * float(x.sum()), "summed over"),
        (lambda x: x[:, x[0] > -99], "it holds indices"),
        (lambda x: x[[0, 1], [2, 3]].unsqueeze(1).expand(2, 8), "this use of aten::index"),
        (lambda x: x + x[:0].reshape(0).sum(), "no rule for this use of aten::view"),
        (lambda x: F.pad(x, (-1, 1)), "cut by numbers"),
        (lambda x: x + x.sum().softmax(0), "summed over"),
        (lambda x: (x - x.mean(1, keepdim=True)) * 0 + x.norm(), "summed over"),
        (spread, "no rule for this use of aten::convolution"),
        (attended, "does not run"),
        (recurrent, "no rule for this use of"),
    ],
)
def test_what_cannot_shrink_is_fixed_with_the_reason(middle, reason):
    net = Net(lambda n, x: n.b(middle(n.a(x))), a=nn.Linear(4, 8), b=nn.Linear(8, 3))
    found = plan(net, torch.randn(2, 4))
    assert found.classes == ()
    assert reason in found.frozen["a"]
    assert found.frozen["b"] == "its outputs are the outputs of the network"


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
    assert [(c.name, c.size) for c in found.classes] == [("a", 3), ("b.0", 6)]
    assert found.classes[0].members[0].units.tolist() == [0, 1, 2] * 4
    assert "differs by" in found.frozen["a in groups"]


def test_a_shuffle_that_ties_all_channels_fixes_them():
    found = plan(shuffled(3), torch.randn(2, 1, 8, 8))
    assert [c.name for c in found.classes] == ["b.0"]
    assert found.frozen["a"] == "its units could only go all together"


class TestAtoms:
    def test_joining_with_a_fixed_axis_fixes(self):
        atoms = Atoms()
        axis = atoms.fresh(3)
        atoms.equate(axis, None, "because")
        assert [atoms.resolve(term) for term in axis] == [frozenset()] * 3
        assert atoms.why(axis[0]) == "because"

    def test_a_table_is_found_again_after_it_was_flattened(self):
        atoms = Atoms()
        rows, columns = atoms.fresh(2), atoms.fresh(3)
        assert atoms.split(join(rows, columns), 2, 3) == (rows, columns)

    def test_reasons_pass_through_equations(self):
        atoms = Atoms()
        one, other = atoms.fresh(6), atoms.fresh(6)
        rows, columns = atoms.split(one, 2, 3)
        atoms.equate(other, join(rows, columns), "equal")
        atoms.freeze(rows, "rows are fixed")
        atoms.freeze(columns, "columns are fixed")
        assert atoms.why(other[4]) == "rows are fixed"
        assert not atoms.resolve(other[4])

    def test_different_tables_are_joined_factor_by_factor(self):
        atoms = Atoms()
        pairs = [(atoms.fresh(2), atoms.fresh(3)) for _ in range(2)]
        atoms.equate(join(*pairs[0]), join(*pairs[1]), "equal")
        free = {atoms.resolve(term) for rows, columns in pairs for term in (*rows, *columns)}
        assert len(free) == 5

    def test_a_table_that_meets_its_own_row_becomes_one(self):
        atoms = Atoms()
        one, other = atoms.fresh(2), atoms.fresh(2)
        atoms.equate(tuple(a | b for a, b in zip(one, other, strict=True)), one, "equal")
        assert [atoms.resolve(t) for t in one] == [atoms.resolve(t) for t in other]
