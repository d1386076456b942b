"""The command line as scripts use it: exit codes, one JSON object, nothing heavy for a list."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAST = ["--epochs", "1", "--recover-epochs", "1", "--quiet"]


def prunelab(*arguments, check=0, **env):
    command = [sys.executable, "-m", "prunelab", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=os.environ | env, check=False
    )
    assert done.returncode == check, done.stderr
    return done


def test_run_prints_the_fields_that_scripts_rely_on(home):
    done = prunelab(
        *("run", "--data", "digits", "--model", "lenet-300-100", "--method", "magnitude"),
        *("--sparsity", 0.9, "--json", "--epochs", 1, "--recover-epochs", 1),
    )
    told = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert told["status"] == "finished"
    assert told["sparsity"] == {"asked": 0.9, "achieved": 0.9, "of": 50200}
    for stage in ("dense", "pruned", "recovered"):
        assert set(told[stage]) >= {"accuracy", "loss", "params", "nonzero", "bytes", "macs"}
    assert set(told["recovered"]["bytes"]) == {"raw", "zip", "csr", "shrunk", "folded"}
    assert set(told["recovered"]["macs"]) == {"dense", "ideal", "shipped"}
    assert set(told["recovered"]["latency_ms"]) >= {"median", "low", "high"}
    assert set(told["manifest"]) >= {"torch", "threads", "seed", "data"}
    assert {"key", "spec", "layers", "warnings"} <= set(told)


def test_the_second_run_is_the_stored_one_and_show_finds_it(home):
    first = json.loads(prunelab("run", "--json", *FAST).stdout)
    again = json.loads(prunelab("run", "--json", *FAST).stdout)
    assert first == again
    assert json.loads(prunelab("show", first["key"], "--json").stdout) == first
    assert first["key"] in prunelab("show", first["key"]).stdout


def test_notebook_and_command_line_give_the_same_numbers(home):
    told = json.loads(prunelab("run", "--json", *FAST).stdout)
    code = (
        "import prunelab as pl, json; "
        "r = pl.run(epochs=1, recover_epochs=1, progress=False, again=True).result; "
        "print(json.dumps([r.key, r.recovered['accuracy'], r.recovered['loss']]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after = told["recovered"]
    assert json.loads(done.stdout) == [told["key"], after["accuracy"], after["loss"]]


def test_sweep_prints_a_table_with_random_and_writes_the_figure(home, tmp_path):
    out = tmp_path / "out put"
    done = prunelab(
        "sweep", "--sparsity", "0.5,0.9", "--seed", "0,1", "--out", out, "--json", *FAST
    )
    told = json.loads(done.stdout)
    rows = {(r["method"], r["asked"]): r for r in told["rows"]}
    assert set(rows) == {(m, s) for m in ("magnitude", "random") for s in (0.5, 0.9)}
    assert all(r["seeds"] == 2 and r["sd"] is not None for r in rows.values())
    assert "random" in (out / "sweep.csv").read_text()
    assert "plotly" in (out / "tradeoff.html").read_text().lower()


def test_out_holds_the_model(home, tmp_path):
    out = tmp_path / "model"
    prunelab("run", "--method", "l1-filter", "--sparsity", 0.5, "--out", out, *FAST)
    assert (out / "model.safetensors").stat().st_size < (out / "dense.safetensors").stat().st_size


def test_layers_knobs_and_own_data(home, tmp_path):
    file = tmp_path / "mine.csv"
    rows = [f"{i % 7},{i % 3},{'yes' if i % 2 else 'no'}" for i in range(60)]
    file.write_text("a,b,answer\n" + "\n".join(rows))
    done = prunelab(
        *("run", "--data", file, "--target", "answer", "--model", "mlp", "--knob", "widths=8-4"),
        *("--method", "iterative-magnitude", "--knob", "rounds=2", "--layer", "fc1=0.5"),
        *("--json", *FAST),
    )
    told = json.loads(done.stdout)
    assert told["spec"]["knobs"] == {"rounds": 2}
    assert told["spec"]["model_knobs"] == {"widths": "8-4"}
    assert told["spec"]["data_knobs"]["target"] == "answer"
    assert told["layers"][0]["kept"] == 8
    assert told["layers"][1]["kept"] == told["layers"][1]["units"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--method", "magnitud"], "Did you mean 'magnitude'?"),
        (["run", "--sparsity", "1"], "sparsity must be at least 0 and below 1, got 1.0"),
        (["run", "--sparsity", "0,9"], "invalid float value"),
        (["run", "--model", "decision-tree"], "magnitude needs a network"),
        (["run", "--data", "nope.csv"], "There is no file 'nope.csv'"),
        (["run", "--knob", "colour=red"], "There is no knob 'colour'"),
        (["run", "--knob", "colour"], "must be NAME=VALUE"),
        (["run", "--layer", "fc1=much"], "fc1 must be a number"),
        (["run", "--model", "mlp", "--knob", "activation=cube"], "activation must be one of"),
        (["sweep", "--seed", "a"], "--seed must be a list of int"),
        (["sweep", "--sparsity", ","], "sparsity must have at least one value"),
        (["sweep", "--method", "magnitude,random", "--knob", "q=1"], "There is no knob 'q'"),
        (["list", "colours"], "invalid choice"),
        (["check", "nope.py"], "must be a Python file that exists"),
        ([], "required"),
    ],
)
def test_bad_arguments_exit_with_2_and_say_why(home, arguments, message):
    done = prunelab(*arguments, check=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_run_that_fails_exits_with_1(home):
    done = prunelab("run", "--lr", "10", "--seed", "5", "--epochs", "8", "--quiet", check=1)
    assert "loss became" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_run_exits_with_1(home):
    assert "There is no run 'r-7'" in prunelab("show", "r-7", check=1).stderr


def test_list_names_everything_and_loads_nothing_heavy(home):
    told = json.loads(prunelab("list", "methods", "--json").stdout)
    assert {"magnitude", "random", "cost-complexity"} <= set(told)
    assert "magnitude" in prunelab("list", "methods").stdout
    code = (
        "import sys; from prunelab.__main__ import main; main(['list', 'models']); "
        "assert not {'torch', 'sklearn', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT)


def test_a_broken_file_is_named_and_the_rest_works(home, tmp_path):
    """A syntax error on a shelf must not take the other methods down."""
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(ROOT / "prunelab", copy / "prunelab")
    (copy / "prunelab" / "methods" / "oops.py").write_text("def broken(:\n")
    command = [sys.executable, "-m", "prunelab", "list", "methods"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=copy, env=os.environ, check=True
    )
    assert "magnitude" in done.stdout
    assert "oops is broken: SyntaxError" in done.stderr
