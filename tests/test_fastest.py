"""The form that wins: answers are compared first, then times. Every clock here is a told one."""

from __future__ import annotations

import functools
import json

import pytest
import torch
from torch import nn

import prunelab as pl
from prunelab import fastest
from prunelab.__main__ import main
from prunelab.export import export, missing_onnx
from prunelab.spec import SpecError

needs_onnx = pytest.mark.skipif(bool(missing_onnx()), reason=missing_onnx())
FORMS = ("dense", "sparse rows", "onnxruntime")


def clock(layers, network):
    """One that shows so many milliseconds: sparse rows by a layer's inputs, then every form."""

    def shown(calls):
        for call in calls.values():
            call()
        rows = layers.get(calls["dense"].args[0].shape[-1])
        one = isinstance(calls["dense"].func, nn.Linear)
        told = {"dense": 10.0, "sparse rows": rows} if one else network
        return {f: {"median": told[f], "low": told[f] - 1, "high": told[f] + 1} for f in calls}

    return shown


def sparse(share=0.9):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 5))
    with torch.no_grad():
        for layer in (net[1], net[3]):
            layer.weight *= torch.rand_like(layer.weight) > share
    return net, torch.randn(64, 40)


def test_layers_beyond_their_break_even_become_sparse_rows():
    net, x = sparse()
    told = dict(zip(FORMS, (10.0, 7.0, 1.0), strict=True))
    found = fastest.choose(net, x, 8, None, clock({40: 5.0, 30: 9.0}, told))
    assert (found.form, found.batch, found.sparse) == ("sparse rows", 8, ("1",))
    assert set(found.times) == {"dense", "sparse rows"}
    assert set(found.left_out) == {"2:4", "onnxruntime"}
    assert "fastest here for 8 at a time, one thread: sparse rows" in str(found)
    again = fastest.with_rows(net, list(found.sparse))
    torch.testing.assert_close(again(x), net(x))
    assert isinstance(again[1], fastest.Rows)
    assert isinstance(net[1], nn.Linear)  # the network itself is as it was


def test_a_form_within_the_interval_of_the_dense_one_is_not_chosen():
    net, x = sparse()
    found = fastest.choose(net, x, 1, None, clock({40: 1.0, 30: 1.0}, {"dense": 10.0, FORMS[1]: 8}))
    assert (found.form, found.sparse) == ("dense", ())
    assert found.times["sparse rows"]["median"] == 8


def test_without_most_weights_gone_no_layer_is_tried_as_sparse_rows():
    net, x = sparse(share=0.4)
    found = fastest.choose(net, x, 1, None, clock({}, {"dense": 10.0}))
    assert found.form == "dense"
    assert found.left_out["sparse rows"] == "No layer is faster as sparse rows here."


def test_a_form_with_other_answers_is_not_timed(monkeypatch):
    net, x = sparse()
    right = fastest.Rows.forward
    monkeypatch.setattr(fastest.Rows, "forward", lambda self, x: right(self, x) + 0.01)
    found = fastest.choose(net, x, 1, None, clock({40: 1.0, 30: 99.0}, {"dense": 10.0}))
    assert found.form == "dense"
    assert "differs from the network by" in found.left_out["sparse rows"]


@pytest.mark.parametrize("bias", [True, False])
def test_sparse_rows_take_any_leading_dimensions(bias):
    layer = nn.Linear(6, 4, bias=bias)
    for shape in ((6,), (3, 6), (2, 3, 6)):
        x = torch.randn(shape)
        torch.testing.assert_close(fastest.Rows(layer)(x), layer(x))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNELAB_HOME", str(tmp_path_factory.mktemp("home")))
        yield pl.run(
            model="mlp", method="magnitude", sparsity=0.9, epochs=1, recover="none", progress=False
        )


@pytest.mark.parametrize("form", [pytest.param(f, marks=needs_onnx) for f in FORMS])
def test_an_export_of_the_form_that_won_loads_as_it(form, made, tmp_path, monkeypatch):
    told = dict.fromkeys(FORMS, 10.0) | {form: 1.0}
    choose = functools.partial(fastest.choose, clock=clock({64: 1.0, 32: 99.0}, told))
    monkeypatch.setattr(fastest, "choose", choose)
    done = export(made.result, made.folder, tmp_path / "x.zip", form="fastest", batch=4)
    assert done.fastest.form == form
    assert f"one thread: {form}" in str(done)
    assert ("model.onnx" in done.files) == (form == "onnxruntime") == (done.error is not None)
    x = torch.randn(5, 1, 8, 8)
    net = fastest.load(tmp_path / "x.zip")
    with torch.inference_mode():
        torch.testing.assert_close(net(x), made.model(x), atol=1e-4, rtol=0)
    if form == "sparse rows":
        assert [n for n, m in net.named_modules() if isinstance(m, fastest.Rows)] == ["fc1", "fc2"]
    back = pl.load(str(tmp_path / "x.zip"))
    assert back.key == made.key


def test_what_has_no_forms_or_names_none_is_refused(made, home, tmp_path):
    with pytest.raises(SpecError, match="form must be all or fastest, got 'best'"):
        made.export(tmp_path / "x", form="best")
    with pytest.raises(SpecError, match="batch must be at least 1, got 0"):
        made.export(tmp_path / "x", form="fastest", batch=0)
    tree = pl.run(
        data="iris", model="decision-tree", method="reduced-error", sparsity=0.5, progress=False
    )
    with pytest.raises(SpecError, match="Only a network has forms"):
        tree.export(tmp_path / "x", form="fastest")
    made.export(tmp_path / "plain", onnx=False)
    with pytest.raises(SpecError, match="names no fastest form"):
        fastest.load(tmp_path / "plain")
    told = json.loads((tmp_path / "plain" / "export.json").read_text())
    told["fastest"] = {"form": "sparse rows", "sparse": ["fc9"]}
    (tmp_path / "plain" / "export.json").write_text(json.dumps(told))
    with pytest.raises(SpecError, match="no linear layer 'fc9'"):
        fastest.load(tmp_path / "plain")


def test_on_the_command_line(home, tmp_path, capsys):
    run = pl.run(model="mlp", sparsity=0.5, epochs=1, recover="none", progress=False)
    asked = ["export", run.key, str(tmp_path / "x"), "--no-onnx", "--form", "fastest", "--json"]
    assert main([*asked, "--batch", "3"]) == 0
    told = json.loads(capsys.readouterr().out)["fastest"]
    assert told["batch"] == 3
    assert told["form"] in told["times"]
    assert told["times"]["dense"]["runs"] >= 7
    assert json.loads((tmp_path / "x" / "export.json").read_text())["fastest"] == told
