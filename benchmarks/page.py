"""Measures every claim about speed and writes docs/benchmarks.md, its figure and its numbers.

    python benchmarks/page.py [--rounds 5] [--only cohorts ...] [--gpu]  # or: make bench ROUNDS=3

``--only`` measures these scripts anew and keeps the numbers of the others. ``--gpu`` measures the
same on the GPU of this machine, both ways there, and adds a column; without one it does nothing.
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import plotly.graph_objects as go
import torch
from claims import Claim
from pictures import picture
from written import DOCS, machine, table

NUMBERS = DOCS / "benchmarks.json"
Found = Mapping[str, Sequence[Claim]]
SCRIPTS = ("cohorts", "one_shot", "step_cost", "selection")


def of(plain: Mapping[str, Any]) -> dict[str, list[Claim]]:
    """The claims of each script, from a file."""
    return {name: [Claim(**claim) for claim in some] for name, some in plain.items()}


def plain(found: Found) -> dict[str, Any]:
    """The same for a file."""
    return {name: [claim._asdict() for claim in some] for name, some in found.items()}


def claims(names: Sequence[str], rounds: int) -> dict[str, list[Claim]]:
    """The claims of each script."""
    return {name: importlib.import_module(name).claims(rounds) for name in names}


def row(script: str, claim: Claim, there: Mapping[str, Claim] | None) -> list[str]:
    """A claim as a row of the table; ``there``: the same works on a GPU."""
    goal = f"{claim.goal:.2g}: {'met' if claim.met else 'not met'}"
    cells = [claim.work, claim.peer, spread(claim), goal, claim.note, f"`{script}.py`"]
    if there is not None:
        cells.insert(4, spread(there[claim.work]) if claim.work in there else "")
    return cells


def spread(claim: Claim) -> str:
    """The median ratio with the lowest and the highest."""
    return f"{claim.median:.2f} ({min(claim.ratios):.2f} to {max(claim.ratios):.2f})"


def page(found: Found, where: str, gpu: Mapping[str, Any] | None = None) -> str:
    """The text of docs/benchmarks.md; ``gpu`` has its name and the claims measured there."""
    columns = ["work", "the other way", "times as fast", "goal", "", "benchmarks/"]
    there = None
    if gpu:
        columns.insert(4, f"on {gpu['machine']}")
        there = {c.work: c for some in of(gpu["claims"]).values() for c in some}
    rows = [row(script, claim, there) for script, some in found.items() for claim in some]
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
a trial of a few steps. What can be gained there lies between the products: most of a step of the
smallest networks, a third to a half of one of LeNet-300-100 and of LeNet-5, whose convolutions are
products too, of what each window shows. The runs of a sweep also share one dense network a seed:
one row counts it, and `benchmarks/sweep_vs_plain.py` does for a sweep as it is usually asked for.

How fast the app and the command line answer is in [the engine](engine.md).
Where there is a GPU `make bench` measures both ways there too, and adds a column.
`benchmarks/selection.py --millions 400` compares all ways at one size,
`benchmarks/step_cost.py` has a step of every method, `benchmarks/two_workers.py` a long queue.
"""


def figure(found: Found) -> Any:
    """A bar for each claim, a line where its goal is."""
    every = [claim for some in found.values() for claim in some][::-1]
    names = ["<br>".join(wrap(claim.work, 52)) for claim in every]
    colours = ["#0072B2" if claim.met else "#E69F00" for claim in every]
    bars = go.Bar(y=names, x=[c.median for c in every], orientation="h", marker_color=colours,
                  text=[f"× {c.median:.1f}" for c in every], textposition="inside",
                  insidetextanchor="start")  # fmt: skip
    goals = go.Scatter(y=names, x=[c.goal for c in every], mode="markers",
                       marker={"symbol": "line-ns-open", "size": 22, "color": "black"})  # fmt: skip
    drawn = go.Figure([bars, goals])
    title = "times as fast as the other way; a black line is the goal"
    drawn.update_xaxes(type="log", title=title, tickvals=[1, 2, 5, 10, 20, 50, 100])
    drawn.update_yaxes(automargin=True)
    return drawn.update_layout(width=1000, height=90 + 48 * len(every), showlegend=False,
                               template="plotly_white", margin={"t": 20, "r": 20})  # fmt: skip


def main() -> None:
    """Measure; print or write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=SCRIPTS, default=[])
    parser.add_argument("--gpu", action="store_true")
    asked = parser.parse_args()
    if asked.gpu and not torch.cuda.is_available():
        return
    if torch.cuda.is_available() and not asked.gpu:
        raise SystemExit("Hide the GPU (CUDA_VISIBLE_DEVICES=) or measure it (--gpu).")
    told = json.loads(NUMBERS.read_text(encoding="utf-8"))
    _measure(told.setdefault("gpu", {}) if asked.gpu else told, asked.only, asked.rounds)
    found, where = of(told["claims"]), told["machine"]
    text = page(found, where[0].upper() + where[1:], told.get("gpu"))
    print(text)
    (DOCS / "benchmarks.md").write_text(text, encoding="utf-8")
    NUMBERS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    picture(figure(found), DOCS / "benchmarks.png")


def _measure(told: dict[str, Any], only: Sequence[str], rounds: int) -> None:
    """Measure anew, all of it or these scripts, and note where."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    told |= {"machine": gpu or machine(), "torch": torch.__version__, "threads": 1}
    known = of(told.get("claims", {})) if only else {}
    known |= claims(only or SCRIPTS, rounds)
    told["claims"] = plain({name: known[name] for name in SCRIPTS if name in known})


if __name__ == "__main__":
    main()
