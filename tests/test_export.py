"""What is exported comes back bit for bit, in other hands too; what was changed does not."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import prunelab as pl
from prunelab import artefacts, imports
from prunelab.__main__ import main
from prunelab.events import Result, fold
from prunelab.experiment import run as events_of
from prunelab.export import Export, export, missing_onnx
from prunelab.spec import RunSpec, SpecError

NETWORK = RunSpec(
    model="lenet-5", method="l1-filter", sparsity=0.5, epochs=1, recover_epochs=1, recover="none"
)
needs_onnx = pytest.mark.skipif(bool(missing_onnx()), reason=missing_onnx())


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    folder = tmp_path_factory.mktemp("network")
    return fold(events_of(NETWORK, files=folder)), folder


@pytest.fixture(scope="module")
def written(
    network: tuple[Result, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Export, Export]:
    """The same run as a folder and as a zip."""
    there = tmp_path_factory.mktemp("exports")
    return export(*network, there / "folder"), export(*network, there / "x.zip")


X = torch.randn(7, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_a_network_comes_back_bit_for_bit(
    home: Path, network: tuple[Result, Path], written: tuple[Export, Export]
) -> None:
    mine = artefacts.load_model(network[1])
    for exported in written:
        run = pl.load(str(exported.path))
        assert run.key == NETWORK.key
        assert run.result.recovered == json.loads(json.dumps(network[0].recovered))
        with torch.inference_mode():
            assert torch.equal(run.model(X), mine(X))
        assert list(run.table["sparsity"])
        with pytest.raises(FileNotFoundError, match=r"no dense.safetensors"):
            _ = run.dense


def test_an_export_names_its_bytes(written: tuple[Export, Export]) -> None:
    folder, zipped = written
    there = {f.name: f.stat().st_size for f in folder.path.iterdir()}
    assert folder.files == there
    assert set(there) >= {"model.safetensors", "masks.safetensors", "architecture.json", "run.json"}
    assert folder.size == sum(there.values())
    assert zipped.size == zipped.path.stat().st_size
    assert f"model.safetensors: {there['model.safetensors']:,} bytes" in str(folder)
    listed = json.loads((folder.path / "export.json").read_text())
    assert listed["files"]["run.json"]["bytes"] == there["run.json"]
    assert listed["inputs"]["shape"] == [1, 8, 8]
    assert listed["inputs"]["deviation"][0] > 0
    assert len(listed["classes"]) == 10
    for file in folder.path.iterdir():
        assert str(Path(pl.__file__).parent).encode() not in file.read_bytes()


@needs_onnx
def test_onnx_is_of_the_shrunk_network_and_computes_the_same(
    written: tuple[Export, Export],
) -> None:
    import onnx
    import onnxruntime

    folder = written[0]
    assert folder.error is not None
    assert folder.error <= 1e-4
    assert "ONNX differs by at most" in str(folder)
    model = onnx.load(folder.path / "model.onnx")
    onnx.checker.check_model(model)
    stored = sum(int(np.prod(t.dims)) for t in model.graph.initializer if t.data_type == 1)
    net = artefacts.load_model(folder.path)
    assert stored <= sum(p.numel() for p in net.parameters()) * 1.01
    dense = artefacts._built(folder.path, imports.architecture(folder.path), whole=True)
    assert stored < 0.8 * sum(p.numel() for p in dense.parameters())
    assert not list(folder.path.glob("*.data"))
    session = onnxruntime.InferenceSession(folder.path / "model.onnx")
    with torch.inference_mode():
        found = session.run(None, {"x": X.numpy()})[0]
        assert np.abs(found - net(X).numpy()).max() <= 1e-4


@needs_onnx
def test_an_onnx_file_that_computes_something_else_is_never_exported(
    network: tuple[Result, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prunelab import onnx_file

    write = onnx_file.write

    def other(net: Any, examples: Any, path: Path) -> None:
        with torch.no_grad():
            changed = artefacts.load_model(network[1])
            next(changed.parameters()).add_(1)
        write(changed, examples, path)

    monkeypatch.setattr(onnx_file, "write", other)
    with pytest.raises(SpecError, match=r"differs from the network by .* nothing was exported"):
        export(*network, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


@needs_onnx
def test_what_onnx_does_not_have_is_said(tmp_path: Path) -> None:
    from prunelab import onnx_file

    class Strange(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(SpecError, match="cannot be written as ONNX"):
        onnx_file.write(Strange(), X, tmp_path / "x.onnx")


def test_without_the_packages_everything_else_is_written(
    network: tuple[Result, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if "onnx" in name else name)
    exported = export(*network, tmp_path / "x")
    assert "model.onnx" not in exported.files
    assert exported.notes == (
        "model.onnx was left out: ONNX needs onnx, onnxruntime, onnxscript: "
        "pip install 'prunelab[onnx]'.",
    )


def test_without_the_data_random_inputs_are_compared(
    network: tuple[Result, Path], tmp_path: Path
) -> None:
    spec = {**network[0].spec, "data": "arrays", "data_knobs": {"file": "0" * 64 + ".npz"}}
    exported = export(replace(network[0], spec=spec), network[1], tmp_path / "x")
    if exported.error is not None:
        assert exported.notes == ("The data are not here: random inputs were compared.",)
    assert "inputs" not in json.loads((tmp_path / "x" / "export.json").read_text())


TREES = {
    "decision-tree": "cost-complexity",
    "random-forest": "reduced-error",
    "gradient-boosting": "fewer-stages",
}


@pytest.mark.parametrize("kind", TREES)
def test_trees_come_back_bit_for_bit_and_as_text(kind: str, home: Path, tmp_path: Path) -> None:
    run = pl.run(data="iris", model=kind, method=TREES[kind], sparsity=0.4, progress=False)
    exported = run.export(tmp_path / "x.zip")
    assert set(exported.files) >= {"model.skops", "tree.txt", "tree.npz", "run.json"}
    back = pl.load(str(tmp_path / "x.zip"))
    x = np.random.default_rng(0).normal(size=(99, 4)).astype(np.float32)
    assert np.array_equal(back.model.predict_proba(x), run.model.predict_proba(x))
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        text = archive.read("tree.txt").decode()
    assert "petal" in text
    first = getattr(run.model, "estimators_", [run.model])
    members = np.ravel(first)
    leaves = sum(int(m.tree_.n_leaves) for m in members)
    assert text.count("class: ") + text.count("value: ") == leaves
    assert "truncated" not in text


def test_an_unfinished_run_or_a_taken_place_is_refused(
    network: tuple[Result, Path], tmp_path: Path
) -> None:
    result, folder = network
    with pytest.raises(SpecError, match=r"Only a finished run can be exported; .* is running"):
        export(replace(result, status="running"), folder, tmp_path / "x")
    (tmp_path / "taken").mkdir()
    with pytest.raises(SpecError, match="is there already"):
        export(result, folder, tmp_path / "taken")
    with pytest.raises(SpecError, match="There is no folder"):
        export(result, folder, tmp_path / "no" / "where")
    with pytest.raises(SpecError, match=r"The files of .* are gone \(model.safetensors\)"):
        export(result, tmp_path, tmp_path / "x")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_the_same_run_gives_the_same_zip(written: tuple[Export, Export], tmp_path: Path) -> None:
    from prunelab.export import _zip

    _zip(written[0].path, tmp_path / "a")
    _zip(written[0].path, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def edit(**changes: Any) -> Callable[[Path], None]:
    def bend(folder: Path) -> None:
        told = json.loads((folder / "architecture.json").read_text())
        (folder / "architecture.json").write_text(json.dumps(told | changes))

    return bend


def drop(folder: Path) -> None:
    (folder / "architecture.json").write_text("{}")


def poke(folder: Path) -> None:
    masks = load_file(folder / "masks.safetensors")
    save_file({n: m * 7 for n, m in masks.items()}, folder / "masks.safetensors")


def other_masks(folder: Path) -> None:
    save_file({"fc9": torch.ones(3, dtype=torch.uint8)}, folder / "masks.safetensors")


def all_gone(folder: Path) -> None:
    masks = load_file(folder / "masks.safetensors")
    save_file({n: m * 0 for n, m in masks.items()}, folder / "masks.safetensors")


BENT = {
    "no fields": (drop, "architecture.json must have model, model_knobs, shape, classes, unit"),
    "another field": (edit(code="x"), "architecture.json must have model"),
    "no such model": (edit(model="evil"), "There is no model 'evil'"),
    "a tree": (edit(model="decision-tree"), "names filters of decision-tree, which has none"),
    "no such unit": (edit(unit="evil"), "There is no unit 'evil'"),
    "a unit of trees": (edit(unit="nodes"), "names nodes of lenet-5, which has none"),
    "a strange knob": (edit(model_knobs={"evil": 1}), "There is no knob of the model lenet-5"),
    "a bad knob": (edit(model_knobs={"activation": "evil"}), "activation must be one of"),
    "knobs as a list": (edit(model_knobs=[]), "model_knobs in architecture.json must be a dict"),
    "a shape of text": (edit(shape="1x8x8"), "shape in architecture.json must be a list"),
    "a negative shape": (edit(shape=[1, -8, 8]), "must be 1 to 4 sides"),
    "a huge shape": (edit(shape=[1, 2**40, 2**40]), "must be 1 to 4 sides"),
    "five sides": (edit(shape=[1] * 5), "must be 1 to 4 sides"),
    "one side": (edit(shape=[64]), "describe no network"),
    "a tiny shape": (edit(shape=[1, 2, 2]), "needs images of at least 4 x 4"),
    "one class": (edit(classes=1), "classes in architecture.json must be from 2 to 100,000"),
    "10^12 classes": (edit(classes=10**12), "classes in architecture.json must be from 2"),
    "other classes": (edit(classes=9), "fc2.weight .*must have shape"),
    "masks of 7": (poke, "must hold only 0 and 1"),
    "other masks": (other_masks, "masks.safetensors lacks"),
    "nothing left": (all_gone, "describe no network|must have shape"),
}


@pytest.mark.parametrize("case", BENT)
def test_files_that_describe_no_network_are_refused(
    case: str, network: tuple[Result, Path], tmp_path: Path
) -> None:
    bend, reason = BENT[case]
    shutil.copytree(network[1], tmp_path / "x")
    bend(tmp_path / "x")
    with pytest.raises(SpecError, match=reason):
        artefacts.load_model(tmp_path / "x")


def test_an_export_that_was_changed_is_refused(
    home: Path, written: tuple[Export, Export], tmp_path: Path
) -> None:
    for name in ("run.json", "model.safetensors"):
        shutil.copytree(written[0].path, tmp_path / name)
        with (tmp_path / name / name).open("ab") as file:
            file.write(b" ")
        with pytest.raises(SpecError, match=f"{name} of {name} was changed since the export"):
            pl.load(str(tmp_path / name))
    shutil.copytree(written[0].path, tmp_path / "y")
    (tmp_path / "y" / "masks.safetensors").unlink()
    with pytest.raises(SpecError, match=r"y lacks 'masks.safetensors'"):
        pl.load(str(tmp_path / "y"))
    (tmp_path / "y" / "export.json").write_text('{"files": [1]}')
    with pytest.raises(SpecError, match=r"export.json of y must list its files"):
        pl.load(str(tmp_path / "y"))
    with pytest.raises(SpecError, match=r"There is no file '.*gone.zip'"):
        pl.load(str(tmp_path / "gone.zip"))
    (tmp_path / "z.zip").write_bytes(b"PK")
    with pytest.raises(SpecError, match=r"z.zip is not a readable .zip file"):
        pl.load(str(tmp_path / "z.zip"))
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("hello", "")
    with pytest.raises(SpecError, match=r"empty.zip holds no run.json"):
        pl.load(str(tmp_path / "empty.zip"))


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("[]", r"run.json must be a JSON object, got list"),
        ("{", r"run.json is not proper JSON"),
        ('{"evil": 1}', r"run.json has a field 'evil' that no run writes"),
        ('{"key": "../../x", "status": "finished"}', "must have the key and the status of a run"),
        ('{"key": "a", "status": "evil"}', "must have the key and the status of a run"),
        ('{"key": "a", "status": "finished", "spec": {"evil": 1}}', "A spec has no field 'evil'"),
        ('{"key": "a", "status": "finished", "layers": 3}', "layers in run.json must be a list"),
    ],
)
def test_a_run_json_that_is_none_is_refused(told: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(told)
    with pytest.raises(SpecError, match=reason):
        imports.result(tmp_path)


def test_a_file_that_is_missing_or_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SpecError, match=r"holds no run.json"):
        imports.result(tmp_path)
    (tmp_path / "run.json").write_text("{}          ")
    monkeypatch.setattr(imports, "_JSON", 5)
    with pytest.raises(SpecError, match=r"run.json takes more than 0 MiB"):
        imports.result(tmp_path)


def test_on_the_command_line(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = pl.run(
        data="iris", model="decision-tree", method="reduced-error", sparsity=0.5, progress=False
    )
    assert main(["export", run.key, str(tmp_path / "out.zip"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bytes"] == (tmp_path / "out.zip").stat().st_size
    assert "model.skops" in told["files"]
    assert main(["export", run.key, str(tmp_path / "out.zip")]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["show", str(tmp_path / "out.zip")]) == 0
    assert run.key in capsys.readouterr().out
    assert main(["export", "no-such-run", str(tmp_path / "y")]) == 1
    assert "There is no run" in capsys.readouterr().err
