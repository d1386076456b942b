"""What the app offers to copy makes exactly the figure it stands beside."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import prunelab as pl
from pages.ui import words
from prunelab import figures
from prunelab.__main__ import parser
from prunelab.cli import fields

ROOT = Path(__file__).parents[1]
SPEC = pl.RunSpec(epochs=2, recover_epochs=1, seed=3, layers={"fc1": 0.5})
CALLS = {
    "run.plot.histogram()": figures.histogram,
    'run.plot.histogram(layer="fc1")': lambda r: figures.histogram(r, "weights", "fc1"),
    "run.plot.heatmap()": figures.heatmap,
    "run.plot.curve()": figures.curve,
    "run.plot.size()": figures.size,
    "run.plot.macs()": figures.macs,
    "run.plot.latency()": figures.latency,
}


@pytest.fixture
def result(home):
    return pl.run(progress=False, **vars(SPEC)).result


@pytest.mark.parametrize("call", CALLS)
def test_copied_python_makes_the_same_figure(result, call):
    code = words.python(SPEC, call.replace("run.plot", "figure = run.plot"))
    made: dict[str, object] = {}
    exec(code.replace("pl.run(", "pl.run(progress=False,"), made)
    assert made["figure"].to_json() == CALLS[call](result).figure.to_json()


def test_the_copied_command_is_the_same_run(home):
    spec = pl.RunSpec(
        model="mlp",
        method="iterative-magnitude",
        knobs={"rounds": 2},
        model_knobs={"widths": "8-4"},
        layers={"fc1": 0.5},
        epochs=1,
    )
    arguments = shlex.split(words.command(spec))[1:]
    given = fields(parser().parse_args(arguments))
    assert pl.RunSpec(**given) == spec


def test_a_link_is_the_whole_run(home):
    """The key in the address is the one the copied line computes in another process."""
    code = f"import prunelab as pl; print(pl.RunSpec(**{vars(SPEC)!r}).key)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == SPEC.key
