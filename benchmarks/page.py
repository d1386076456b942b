"""Measures every claim about speed and writes docs/benchmarks.md, its figure and its numbers.

    python benchmarks/page.py [--rounds 5] [--only cohorts ...]    # or: make bench ROUNDS=3

``--only`` measures these scripts anew and keeps the numbers of the others.
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import torch
from claims import Claim
from pictures import picture
from written import DOCS, machine, table

NUMBERS = DOCS / "benchmarks.json"
SCRIPTS = ("cohorts", "one_shot", "step_cost", "selection")


def claims(names: Sequence[str], rounds: int) -> dict[str, list[Claim]]:
    """The claims of each script."""
    return {name: importlib.import_module(name).claims(rounds) for name in names}


def row(script: str, claim: Claim) -> list[str]:
    """A claim as a row of the table."""
    spread = f"{claim.median:.2f} ({min(claim.ratios):.2f} to {max(claim.ratios):.2f})"
    goal = f"{claim.goal:.2g}: {'met' if claim.met else 'not met'}"
    return [claim.work, claim.peer, spread, goal, claim.note, f"`{script}.py`"]


def page(found: Mapping[str, Sequence[Claim]], where: str) -> str:
    """The text of docs/benchmarks.md."""
    columns = ["work", "the other way", "times as fast", "goal", "", "benchmarks/"]
    rows = [row(script, claim) for script, some in found.items() for claim in some]
    counts = sorted({len(claim.ratios) for some in found.values() for claim in some})
    rounds = " or ".join(map(str, counts))
    return f"""# Speed, measured

Written by `make bench`. The two ways of a row take turns in one process with one thread; a ratio is
the processor time of the other way by ours, the median of {rounds} rounds with the lowest and the
highest. Other work went on on this machine meanwhile: ratios of turns bear that, seconds would not,
so none are given. A ratio below 1 is slower, and stands here all the same.

{where}, torch {torch.__version__}, 1 thread. The numbers: `docs/benchmarks.json`.

![Times as fast as the other way, with the goals](benchmarks.png)

{table(columns, rows)}

In the rows of training the other way validates nothing; ours measures ten validation examples after
every epoch and writes down what it found. Whether networks are stacked is decided as in a sweep, by
a trial of a few steps. The runs of a sweep also share one dense network a seed, which no row here
counts: `benchmarks/sweep_vs_plain.py` does.

How fast the app and the command line answer is in [the engine](engine.md).
`benchmarks/selection.py --millions 400` compares all ways at one size,
`benchmarks/step_cost.py` has a step of every method, `benchmarks/two_workers.py` a long queue.
"""


def figure(found: Mapping[str, Sequence[Claim]]) -> Any:
    """A bar for each claim, a line where its goal is."""
    every = [claim for some in found.values() for claim in some][::-1]
    names = [claim.work for claim in every]
    colours = ["#0072B2" if claim.met else "#E69F00" for claim in every]
    bars = go.Bar(y=names, x=[c.median for c in every], orientation="h", marker_color=colours,
                  text=[f"× {c.median:.1f}" for c in every])  # fmt: skip
    goals = go.Scatter(y=names, x=[c.goal for c in every], mode="markers",
                       marker={"symbol": "line-ns-open", "size": 22, "color": "black"})  # fmt: skip
    drawn = go.Figure([bars, goals])
    drawn.update_xaxes(type="log", title="times as fast as the other way; a black line is the goal")
    drawn.update_yaxes(automargin=True)
    return drawn.update_layout(width=1000, height=90 + 42 * len(every), showlegend=False,
                               template="plotly_white", margin={"t": 20, "r": 20})  # fmt: skip


def main() -> None:
    """Measure; print or write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=SCRIPTS, default=[])
    asked = parser.parse_args()
    where = machine()
    before = json.loads(NUMBERS.read_text(encoding="utf-8"))["claims"] if asked.only else {}
    known = {name: [Claim(**claim) for claim in some] for name, some in before.items()}
    known |= claims(asked.only or SCRIPTS, asked.rounds)
    found = {name: known[name] for name in SCRIPTS}
    text = page(found, where[0].upper() + where[1:])
    print(text)
    (DOCS / "benchmarks.md").write_text(text, encoding="utf-8")
    plain = {name: [claim._asdict() for claim in some] for name, some in found.items()}
    told = {"machine": where, "torch": torch.__version__, "threads": 1, "claims": plain}
    NUMBERS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    picture(figure(found), DOCS / "benchmarks.png")


if __name__ == "__main__":
    main()
