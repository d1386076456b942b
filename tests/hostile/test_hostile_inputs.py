"""Specs, links, numbers and names that mean harm or are mistaken."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from example_run import network_events
from safetensors.torch import save

from prunelab import figures
from prunelab.__main__ import main
from prunelab.catalogue import catalogue, validate
from prunelab.events import Epoch, Failed, Finished, Started, fold
from prunelab.experiment import run
from prunelab.files import find, keep_upload
from prunelab.harmless import csv, label, line
from prunelab.registry import MODELS
from prunelab.room import affordable
from prunelab.spec import RunSpec, SpecError, sweep
from prunelab.store import Store, StoreError

SPECS: dict[str, tuple[Any, str]] = {
    "no object": ([1], "A spec must be an object, got list"),
    "an unknown key": ({"evil": 1}, "has no field 'evil'"),
    "an unknown key of a megabyte": ({"x" * 2**20: 1}, r"has no field 'x{80}';"),
    "a name that is a list": ({"model": ["mlp"]}, "model must be a text"),
    "a name that is null": ({"method": None}, "method must be a text"),
    "a name of a megabyte": ({"data": "d" * 2**20}, "data must be a text of at most 4,096"),
    "a script": ({"method": "<script>alert(1)</script>"}, "no method '<script>"),
    "a path": ({"data": "../../etc/passwd"}, "There is no data set"),
    "an emoji": ({"model": "🤖"}, "There is no model '🤖'"),
    "writing turned round": ({"model": "\u202emlp"}, "There is no model"),
    "two lines": ({"scope": "global\nuniform"}, "There is no scope"),
    "sparsity nan": (
        {"sparsity": float("nan")},
        "sparsity must be at least 0 and below 1, got nan",
    ),
    "sparsity inf": ({"sparsity": float("inf")}, "sparsity must be a number, got 'inf'"),
    "sparsity 1": ({"sparsity": 1.0}, "sparsity must be at least 0 and below 1, got 1.0"),
    "sparsity -0.1": ({"sparsity": -0.1}, "sparsity must be at least 0 and below 1, got -0.1"),
    "sparsity with a comma": ({"sparsity": "0,9"}, "sparsity must be a number, got '0,9'"),
    "sparsity true": ({"sparsity": True}, "sparsity must be a number"),
    "sparsity null": ({"sparsity": None}, "sparsity must be a number"),
    "sparsity of 400 digits": ({"sparsity": 10**400}, "sparsity must be a number"),
    "seed 2^70": ({"seed": 2**70}, "seed must be a whole number from 0 to 2147483647"),
    "seed -1": ({"seed": -1}, "seed must be a whole number"),
    "seed 0.5": ({"seed": 0.5}, "seed must be a whole number"),
    "epochs 10^9": ({"epochs": 10**9}, "epochs must be a whole number from 1 to 1000"),
    "epochs 0": ({"epochs": 0}, "epochs must be a whole number"),
    "epochs text": ({"epochs": "many"}, "epochs must be a number"),
    "batches of 10^12": ({"batch_size": 10**12}, "batch_size must be a whole number"),
    "lr nan": ({"lr": float("nan")}, "lr must be above 0"),
    "lr -1": ({"lr": -1}, "lr must be above 0"),
    "layers as text": ({"layers": "fc1"}, "layers must hold at most 10,000 settings"),
    "a layer of text": ({"layers": {"fc1": "0.5"}}, "fc1 must be at least 0 and below 1"),
    "a layer over 1": ({"layers": {"fc1": 7}}, "fc1 must be at least 0 and below 1, got 7"),
    "10^5 layers": ({"layers": {str(i): 0.5 for i in range(10**5)}}, "at most 10,000 settings"),
    "knobs as a list": ({"knobs": [1]}, "knobs must hold"),
    "a knob that is a list": ({"knobs": {"rounds": [1]}}, "knobs rounds must be a number"),
    "an unknown knob": ({"knobs": {"evil": 1}}, "There is no knob of the method"),
    "a knob out of bounds": (
        {"method": "iterative-magnitude", "knobs": {"rounds": 10**9}},
        "rounds must be from 1 to 30",
    ),
    "a file with a way up": (
        {"data": "table", "data_knobs": {"file": "../x"}, "weights": "../x.safetensors"},
        "must not go up with '..'",
    ),
    "weights that are a pickle": ({"weights": "/tmp/m.pt"}, "is a pickle"),
    "weights of another kind": ({"weights": "m.csv"}, "must end in .safetensors, got 'm.csv'"),
    "weights that are gone": ({"weights": "0" * 64 + ".safetensors"}, "There is no file '000"),
    "weights with a NUL": ({"weights": "a\0.safetensors"}, "must not go up|no file"),
    "an optimizer of code": ({"optimizer": "__import__('os')"}, "There is no optimizer"),
    "a device of the machine": ({"recover": "<b>"}, "recover must be one of"),
}


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_from_a_link_is_refused(name: str, home: Path) -> None:
    told, reason = SPECS[name]
    with pytest.raises(SpecError, match=reason):  # noqa: PT012 - either step may refuse
        spec = RunSpec.from_json(told)
        validate(spec, catalogue())


@pytest.mark.parametrize("name", [n for n, (told, _) in SPECS.items() if isinstance(told, dict)])
def test_a_spec_made_by_hand_is_refused_too(name: str, home: Path) -> None:
    told, _ = SPECS[name]
    if set(told) <= set(vars(RunSpec())):
        with pytest.raises(SpecError):
            validate(RunSpec(**told), catalogue())


def test_a_grid_of_a_million_runs_is_refused_before_it_is_built() -> None:
    with pytest.raises(SpecError, match=r"sweep has 1,000,000 runs or more; at most 10,000"):
        sweep(RunSpec(), seed=range(1000), sparsity=[i / 1000 for i in range(1000)])
    with pytest.raises(SpecError, match=r"sweep has 10,001 runs or more"):
        sweep(RunSpec(), seed=range(10**12))


def test_a_model_of_10_11_parameters_is_refused_before_it_is_built() -> None:
    widths = "-".join(["8192"] * 800)
    with pytest.raises(SpecError, match=r"would have 53,\d+,\d+,\d+ parameters; the limit is 1,0"):
        affordable(functools.partial(MODELS["mlp"].function, (64,), 10, widths=widths))


@pytest.mark.parametrize("key", ["../../etc", "a/b", "<script>", "r\n", "", "x" * 10_000])
def test_a_run_key_cannot_reach_elsewhere(key: str, home: Path) -> None:
    with pytest.raises((StoreError, SpecError)):
        Store().folder(key)


def test_two_submits_in_the_same_moment_are_one_run(home: Path) -> None:
    store = Store()
    assert store.submit(RunSpec()) == store.submit(RunSpec())
    assert store.count() == 1


def test_a_file_deleted_while_a_run_waits_is_missed_in_words(home: Path) -> None:
    stored = keep_upload("a.csv", b"a,b\n1,2\n")
    (home / "uploads" / stored).unlink()
    with pytest.raises(SpecError, match="There is no file"):
        find(stored, ".csv")


def _begun(spec: RunSpec, files: Path, last: type) -> Any:
    """A run that has told so far; it goes on when it is asked for more."""
    going = run(spec, files=files)
    next(event for event in going if isinstance(event, last))
    return going


def test_a_file_deleted_while_a_run_reads_it_ends_no_run_that_has_it(home: Path) -> None:
    rows = "\n".join(f"{i},{i % 7},{'xy'[i % 2]}" for i in range(80))
    stored = keep_upload("a.csv", f"a,b,c\n{rows}".encode())
    knobs = {"file": stored, "target": "c"}
    spec = RunSpec(data="table", data_knobs=knobs, model="mlp", epochs=3, recover_epochs=1)
    going = _begun(spec, home / "run", Epoch)
    (home / "uploads" / stored).unlink()
    assert isinstance(list(going)[-1], Finished)
    failed = fold(run(spec, files=home / "again"))
    assert failed.status == "failed"
    assert failed.reason == f"There is no file {stored!r}."


def test_weights_deleted_before_a_run_reads_them_are_missed_in_words(home: Path) -> None:
    net = MODELS["mlp"].function((1, 8, 8), 10)
    stored = keep_upload("w.safetensors", save(net.state_dict()))
    going = _begun(RunSpec(model="mlp", weights=stored, recover="none"), home / "run", Started)
    (home / "uploads" / stored).unlink()
    last = list(going)[-1]
    assert isinstance(last, Failed)
    assert last.reason == f"There is no file {stored!r}."


NAMES = ["😀.csv", "\u202etxt.csv", "a\nb.csv", "../../a.csv", "x" * 300 + ".csv", "\x1b[31m.csv"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_never_becomes_a_path(name: str, home: Path) -> None:
    stored = keep_upload(name, b"a,b\n1,2\n")
    assert [p.name for p in (home / "uploads").iterdir()] == [stored]


def test_the_terminal_sees_no_controls(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("\x1b[31mred.csv", "\u202egnp.csv", "a\tb\rc.csv"):
        assert main(["run", "--data", name]) == 2
        err = capsys.readouterr().err
        assert not set(err) & {"\x1b", "\u202e", "\r", "\t"}
    assert line("a\nb\x1b[31m\u2066") == r"a\nb\x1b[31m\u2066"
    assert line("ü👨‍👩‍👧 ok") == "ü👨‍👩‍👧 ok"
    assert len(line("x" * 10**6)) == 2_000


FORMULAS = ["=1+1", "+1", "-1+cmd", "@SUM(A1)", "\t=1", "\r=1", "  =1", "=HYPERLINK(0)", "＝1"]


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_of_an_export_is_a_formula(formula: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({formula: [formula, "plain"], "n": [-1.5, 2.0]})
    (tmp_path / "x.csv").write_text(csv(frame), newline="")
    back = pd.read_csv(tmp_path / "x.csv")
    escaped = f"'{formula}".replace("\r", "\n")
    assert back.columns[0] == escaped
    assert list(back.iloc[:, 0]) == [escaped, "plain"]
    assert list(back["n"]) == [-1.5, 2.0]


def test_mixed_and_missing_cells_stay_what_they_are() -> None:
    frame = pd.DataFrame({"a": ["=1", 2, None, -3.5], "b": pd.Categorical(["-x", "y", "y", "-x"])})
    assert csv(frame).splitlines() == ["a,b", "'=1,'-x", "2,y", ",y", "-3.5,'-x"]


MARKUP = [
    "<script>alert(1)</script>",
    "<a href='http://x'>y</a>",
    "<b>fat</b>",
    "a<br>b",
    "&lt;b&gt;",
]


@pytest.mark.parametrize("name", MARKUP)
def test_a_class_named_in_html_is_shown_as_typed(name: str) -> None:
    classes = [name, "1"]
    result = fold(network_events(RunSpec()))
    result = replace(result, settings={**result.settings, "classes": classes})
    picture = figures.confusion(result)
    drawn = json.dumps(picture.figure.to_plotly_json(), default=str)
    assert "<script" not in drawn
    assert "<a " not in drawn
    assert "<b>fat" not in drawn
    assert label(name) in drawn
    assert name in list(picture.table["class"])
