"""Weights and trees of one's own: used as they are, or refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from prunelab import given
from prunelab.__main__ import main
from prunelab.events import Event, Failed, Finished, fold
from prunelab.experiment import run
from prunelab.files import keep_file
from prunelab.models.lenet_5 import lenet_5
from prunelab.models.mlp import mlp
from prunelab.own import folder, trees
from prunelab.registry import MODELS
from prunelab.spec import RunSpec, SpecError

SPEC = RunSpec(data="iris", model="mlp", model_knobs={"widths": "8"}, epochs=3, recover="none")


def state(net: torch.nn.Module | None = None) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return (net or mlp((4,), 3, widths="8")).state_dict()


def saved(path: Path, tensors: dict[str, Tensor]) -> Path:
    save_file({name: t.contiguous() for name, t in tensors.items()}, path)
    return path


def last(events: list[Event]) -> Event:
    return events[-1]


def test_weights_take_the_place_of_the_dense_training(home: Path, tmp_path: Path) -> None:
    files = tmp_path / "first"
    first = fold(run(SPEC, files=files))
    stored = keep_file(str(files / "dense.safetensors"))
    spec = RunSpec(**{**vars(SPEC), "weights": stored})
    second = fold(run(spec, files=tmp_path / "second"))
    assert spec.key != SPEC.key
    assert spec.dense_key != SPEC.dense_key
    assert second.status == "finished"
    assert second.plan == {}
    assert not second.epochs
    assert second.dense["accuracy"] == first.dense["accuracy"]
    assert second.recovered["confusion"] == first.recovered["confusion"]
    mine, theirs = (load_file(f / "model.safetensors") for f in (files, tmp_path / "second"))
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_weights_that_know_nothing_of_the_data_are_warned_about(home: Path, tmp_path: Path) -> None:
    dead = {name: torch.zeros_like(t) for name, t in state().items()}
    stored = keep_file(str(saved(tmp_path / "w.safetensors", dead)))
    spec = RunSpec(**{**vars(SPEC), "weights": stored, "recover": "rewind", "epochs": 1})
    result = fold(run(spec))
    assert "no more than always answering the most frequent class" in result.warnings[0]
    assert "first values of your weights are not known" in result.warnings[1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_read_into_the_networks_own(tmp_path: Path, dtype: Any) -> None:
    path = saved(tmp_path / "w.safetensors", {n: t.to(dtype) for n, t in state().items()})
    found = given.read(path, mlp((4,), 3, widths="8"))
    assert {t.dtype for t in found.values()} == {torch.float32}


def without(name: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: {n: t for n, t in tensors.items() if n != name}


def put(name: str, tensor: Tensor) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: {**tensors, name: tensor}


def renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {n.replace("fc1.weight", "fc1.weights"): t for n, t in tensors.items()}


BENT = {
    "missing": (without("fc2.bias"), "w.safetensors lacks 'fc2.bias'. Is it of this model"),
    "renamed": (renamed, "lacks 'fc1.weight'. Did you mean 'fc1.weights'"),
    "extra": (put("evil", torch.zeros(1)), "There is no tensor of this model 'evil'"),
    "extra, near": (put("fc1.wait", torch.zeros(1)), "Did you mean 'fc1.weight'"),
    "shape": (
        put("fc1.weight", torch.zeros(9, 4)),
        r"fc1.weight in w.safetensors must have shape \(8, 4\), got \(9, 4\)",
    ),
    "transposed": (put("fc1.weight", torch.zeros(4, 8)), r"must have shape \(8, 4\), got \(4, 8\)"),
    "whole numbers": (
        put("fc1.weight", torch.zeros(8, 4, dtype=torch.int64)),
        "fc1.weight in w.safetensors must be one of F16, BF16, F32, F64, got I64",
    ),
    "NaN": (put("fc1.bias", torch.full((8,), torch.nan)), "fc1.bias .* has 8 values that are NaN"),
    "Inf": (
        put("fc1.bias", torch.tensor([0, 0, 0, 0, 0, 0, 0, torch.inf])),
        "has 1 values that are NaN or infinite",
    ),
    "too large": (
        put("fc1.bias", torch.full((8,), 1e300, dtype=torch.float64)),
        "fc1.bias .* has 8 values that are NaN or infinite",
    ),
    "another network": (
        lambda _: state(lenet_5((1, 8, 8), 10)),
        "no tensor of this model 'conv1.bias'",
    ),
}


@pytest.mark.parametrize("case", BENT)
def test_weights_of_something_else_are_refused(case: str, home: Path, tmp_path: Path) -> None:
    bend, reason = BENT[case]
    path = saved(tmp_path / "w.safetensors", bend(state()))
    with pytest.raises(SpecError, match=reason):
        given.read(path, mlp((4,), 3, widths="8"))
    failed = last(list(run(RunSpec(**{**vars(SPEC), "weights": keep_file(str(path))}))))
    assert isinstance(failed, Failed)
    assert "Traceback" not in failed.reason


def test_a_file_damaged_after_its_header_was_read_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "w.safetensors", state())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SpecError, match=r"w.safetensors is damaged"):
        given.load(path)


def test_on_the_command_line(home: Path, tmp_path: Path, capsys: Any) -> None:
    path = saved(tmp_path / "w.safetensors", state())
    common = ["run", "--data", "iris", "--model", "mlp", "--recover", "none", "--quiet"]
    knob = ["--knob", "widths=8"]
    assert main([*common, *knob, "--weights", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["spec"]["weights"].endswith(".safetensors")
    assert main([*common, "--weights", str(path)]) == 1
    err = capsys.readouterr().err
    assert "lacks 'fc3.weight', 'fc3.bias'. Is it of this model and its knobs?" in err
    assert "Traceback" not in err
    assert main([*common, "--weights", str(tmp_path / "gone.safetensors")]) == 2
    assert "There is no file" in capsys.readouterr().err


def grown(kind: str, classes: Any = None) -> Any:
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    model = MODELS[kind].function((4,), 3).set_params(random_state=0)
    if hasattr(model, "n_estimators"):
        model.set_params(n_estimators=3)
    return model.fit(x.astype(np.float32), y if classes is None else np.array(classes)[y])


TREES = {
    "decision-tree": "reduced-error",
    "random-forest": "reduced-error",
    "gradient-boosting": "fewer-stages",
}


@pytest.mark.parametrize("kind", TREES)
def test_trees_of_ones_own_are_pruned(kind: str, home: Path, tmp_path: Path) -> None:
    import skops.io

    names = ["setosa", "versicolor", "virginica"]
    model = grown(kind, names)
    skops.io.dump(model, tmp_path / "m.skops")
    back = trees.read(tmp_path / "m.skops")
    x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    assert np.array_equal(back.predict_proba(x), model.predict_proba(x))
    stored = keep_file(str(tmp_path / "m.skops"))
    spec = RunSpec(data="iris", model=kind, method=TREES[kind], sparsity=0.3, weights=stored)
    events = list(run(spec))
    assert isinstance(last(events), Finished), last(events)
    assert fold(events).dense["nodes"] == trees.about(model)["nodes"]


def test_trees_for_other_data_are_refused(tmp_path: Path) -> None:
    import skops.io

    skops.io.dump(grown("decision-tree"), tmp_path / "m.skops")
    skops.io.dump(grown("decision-tree", ["a", "b", "c"]), tmp_path / "n.skops")
    tree, forest = (MODELS[k].function((4,), 3) for k in ("decision-tree", "random-forest"))
    names = ("a", "b", "d")
    assert list(trees.fitting(tmp_path / "m.skops", tree, 4, names).classes_) == [0, 1, 2]
    for file, like, features, reason in [
        ("m", forest, 4, "holds a DecisionTreeClassifier; this model is a RandomForestClassifier"),
        ("m", tree, 5, "was fitted on 4 features, the data have 5"),
        ("n", tree, 4, "knows the classes a, b, c; the data have a, b, d"),
    ]:
        with pytest.raises(SpecError, match=reason):
            trees.fitting(tmp_path / f"{file}.skops", like, features, names)


def several(model: Any) -> None:
    model.n_classes_ = [3, 3]


def no_trees(model: Any) -> None:
    model.estimators_ = []


def strange(model: Any) -> None:
    model.estimators_[0] = 3


def other_features(model: Any) -> None:
    model.estimators_[1] = model.estimators_[1].fit(np.zeros((9, 2)), np.arange(9) % 3)


def objects(model: Any) -> None:
    model.classes_ = np.array(["a", None, 3], dtype=object)


def wide(model: Any) -> None:
    model.estimators_ = np.concatenate([model.estimators_] * 2, axis=1)


def priors(model: Any) -> None:
    model.init_.class_prior_ = np.ones(2)


@pytest.mark.parametrize(
    ("kind", "bend", "reason"),
    [
        ("random-forest", several, "predicts several targets"),
        ("random-forest", no_trees, "must hold 1 to 50,000 trees, got 0"),
        ("random-forest", strange, "must hold 1 to 50,000 trees, got 3"),
        ("random-forest", other_features, "A tree in m.skops is not sound"),
        ("random-forest", objects, "must be numbers or texts"),
        ("gradient-boosting", wide, "must have 3 trees each, got"),
        ("gradient-boosting", priors, r"must start from 3 priors, got \(2,\)"),
    ],
)
def test_trees_that_would_break_their_reader_are_refused(
    kind: str, bend: Callable[[Any], None], reason: str, tmp_path: Path
) -> None:
    import skops.io

    model = grown(kind)
    bend(model)
    skops.io.dump(model, tmp_path / "m.skops")
    with pytest.raises(SpecError, match=reason):
        trees.read(tmp_path / "m.skops")


LISTED = {"GPT2LMHeadModel": "gpt-2"}


def hugging(where: Path, config: Any = None, **files: Any) -> Path:
    path = where / "hf"
    path.mkdir(exist_ok=True)
    told = {"architectures": ["GPT2LMHeadModel"]} if config is None else config
    (path / "config.json").write_text(told if isinstance(told, str) else json.dumps(told))
    for name, content in files.items():
        file = path / name.replace("__", ".")
        if isinstance(content, dict) and set(content) <= {"a", "b"} and name.endswith("tensors"):
            save_file(content, file)
        else:
            file.write_text(json.dumps(content))
    return path


A, B = {"a": torch.zeros(3)}, {"b": torch.zeros(2, 2)}
INDEX = {"weight_map": {"a": "s1.safetensors", "b": "s2.safetensors"}}


def test_a_hugging_face_folder_in_one_file_or_in_shards(tmp_path: Path) -> None:
    path = hugging(tmp_path, model__safetensors=A, tokenizer__json=["not JSON of a tokenizer"])
    found = folder.read(path, LISTED)
    assert (found.model, found.parameters, list(found.files)) == ("gpt-2", 3, ["a"])
    (path / "model.safetensors").unlink()
    hugging(tmp_path, s1__safetensors=A, s2__safetensors=B, model__safetensors__index__json=INDEX)
    found = folder.read(path, LISTED)
    assert found.parameters == 7
    assert found.files["b"].name == "s2.safetensors"


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "own code": ({"auto_map": {"AutoModel": "x.py"}}, {"model__safetensors": A}, "runs none"),
    "kernels of a hub": (
        {"_attn_implementation": "someone/kernels"},
        {"model__safetensors": A},
        "asks for code of a hub",
    ),
    "quantized": ({"quantization_config": {"bits": 4}}, {"model__safetensors": A}, "is quantized"),
    "weights elsewhere": (
        {"transformers_weights": "../x.bin"},
        {"model__safetensors": A},
        "names other files of weights",
    ),
    "an adapter": (None, {"model__safetensors": A, "adapter_config__json": {}}, "holds an adapter"),
    "not listed": ({"architectures": ["Evil"]}, {"model__safetensors": A}, "'Evil' is not listed"),
    "no architecture": ({}, {"model__safetensors": A}, "must name one architecture, got None"),
    "two": ({"architectures": ["a", "b"]}, {"model__safetensors": A}, "must name one architecture"),
    "no JSON": ("{", {"model__safetensors": A}, "config.json is not proper JSON"),
    "a list": ("[]", {"model__safetensors": A}, "config.json must be a JSON object"),
    "no weights": (None, {}, "holds no model.safetensors and no model.safetensors.index.json"),
    "pickled weights": (None, {"pytorch_model__bin": 1}, "pytorch_model.bin is a pickle.*safe_"),
    "missing shards": (
        None,
        {"s1__safetensors": A, "model__safetensors__index__json": INDEX},
        "lacks s2.safetensors, one of 1 missing shards",
    ),
    "a shard elsewhere": (
        None,
        {"model__safetensors__index__json": {"weight_map": {"a": "../../x.safetensors"}}},
        "names a file elsewhere: '../../x.safetensors'",
    ),
    "a pickled shard": (
        None,
        {"model__safetensors__index__json": {"weight_map": {"a": "x.bin"}}},
        "names 'x.bin', not safetensors",
    ),
    "no map": (None, {"model__safetensors__index__json": {"a": 1}}, "must hold a weight_map"),
    "another tensor": (
        None,
        {"s1__safetensors": B, "s2__safetensors": B, "model__safetensors__index__json": INDEX},
        "s1.safetensors of hf lacks the tensor 'a'",
    ),
    "a tensor twice": (
        None,
        {
            "s1__safetensors": A | B, "s2__safetensors": B,
            "model__safetensors__index__json": INDEX,
        },
        "s2.safetensors of hf holds 'b' once more",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_hugging_face_folder_is_refused(case: str, tmp_path: Path) -> None:
    config, files, reason = REFUSED[case]
    with pytest.raises(SpecError, match=reason):
        folder.read(hugging(tmp_path, config, **files), LISTED)


def test_a_folder_that_is_none_too_full_or_linked_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SpecError, match="There is no folder"):
        folder.read(tmp_path / "gone", LISTED)
    with pytest.raises(SpecError, match=r"must hold config.json"):
        folder.read(tmp_path, LISTED)
    path = hugging(tmp_path, model__safetensors=A)
    with pytest.raises(SpecError, match="not listed for Hugging Face folders; none is yet"):
        folder.read(path)
    monkeypatch.setattr(folder, "_JSON", 5)
    with pytest.raises(SpecError, match=r"config.json takes more than 0 MiB"):
        folder.read(path, LISTED)
    monkeypatch.undo()
    (path / "vocab.txt").symlink_to("/etc/passwd")
    with pytest.raises(SpecError, match=r"vocab.txt in hf is a link that leads out"):
        folder.read(path, LISTED)
    monkeypatch.setattr(folder, "_FILES", 2)
    with pytest.raises(SpecError, match="holds 3 files; the limit is 2"):
        folder.read(path, LISTED)


def test_the_trusted_types_are_an_exact_list() -> None:
    assert len(trees.TRUSTED) == 24
    packages = {module.split(".")[0] for module, _, _ in trees.TRUSTED}
    assert packages == {"builtins", "numpy", "sklearn"}
    loaders = {loader for _, _, loader in trees.TRUSTED}
    assert not loaders & {"MethodNode", "FunctionNode", "OperatorFuncNode", "PartialNode"}
