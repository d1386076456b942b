"""Measures every claim about speed and writes docs/benchmarks.md, its figure and its numbers.

    python benchmarks/page.py [--rounds 5] [--only cohorts ...] [--gpu]  # or: make bench ROUNDS=3

Each machine has a column: that of this one is measured anew, the others stay. ``--only`` measures
these scripts and keeps what others found here. ``--gpu`` measures both ways on the GPU of this
machine, a machine of its own; without one it does nothing.
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
from written import DOCS, load, named, table

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


def works(everywhere: Sequence[Found]) -> list[tuple[str, Claim]]:
    """Each work once, as the first machine has it that measured it."""
    found = {}
    for script in SCRIPTS:
        for claim in (c for one in everywhere for c in one.get(script, ())):
            found.setdefault((script, claim.work), claim)
    return [(script, claim) for (script, _), claim in found.items()]


def row(script: str, claim: Claim, everywhere: Sequence[Found]) -> list[str]:
    """A claim as a row of the table, with what was found of it on each machine."""
    cells = []
    for found in everywhere:
        same = [c for c in found.get(script, ()) if c.work == claim.work]
        cells.append(f"{spread(same[0])}{'' if same[0].met else ', not met'}" if same else "")
    return [claim.work, claim.peer, f"{claim.goal:.2g}", *cells, claim.note, f"`{script}.py`"]


def spread(claim: Claim) -> str:
    """The median ratio with the lowest and the highest."""
    return f"{claim.median:.2f} ({min(claim.ratios):.2f} to {max(claim.ratios):.2f})"


def page(machines: Sequence[Mapping[str, Any]]) -> str:
    """The text of docs/benchmarks.md, by what was found on each machine; this one comes first."""
    everywhere = [of(machine["claims"]) for machine in machines]
    ratios = [f"times as fast on {machine['name']}" for machine in machines]
    columns = ["work", "the other way", "goal", *ratios, "", "benchmarks/"]
    rows = [row(script, claim, everywhere) for script, claim in works(everywhere)]
    measured = [claim for found in everywhere for some in found.values() for claim in some]
    counts = sorted({len(claim.ratios) for claim in measured})
    rounds = " or ".join(map(str, counts))
    where = "; ".join(f"{m['name']}, load {m['load']} before, torch {m['torch']}" for m in machines)
    return f"""# Speed, measured

Written by `make bench`. The two ways of a row take turns in one process with one thread; a ratio is
the processor time of the other way by ours, the median of {rounds} rounds with the lowest and the
highest. Other work went on on this machine meanwhile: ratios of turns bear that, seconds would not,
so none are given. A ratio below 1 is slower, and stands here all the same.

1 thread. {where}. The numbers: `docs/benchmarks.json`.

![Times as fast as the other way, with the goals](benchmarks.png)

{table(columns, rows)}

In the rows of training the other way validates nothing; ours measures ten validation examples after
every epoch and writes down what it found. Whether networks are stacked is decided as in a sweep, by
a trial of a few steps. What can be gained there lies between the products: most of a step of the
smallest networks, less of one of LeNet-300-100 and of LeNet-5, whose convolutions are products too,
of what each window shows. How much less is up to the machine: where a product takes as long as all
that Python does around it, twice as fast is the limit; where it takes longer, less is. The runs of
a sweep also share one dense network a seed: one row counts it, and `benchmarks/sweep_vs_plain.py`
does for a sweep as it is usually asked for.

How fast the app and the command line answer, and how well two workers share a long queue, is in
[the engine](engine.md).
`make bench` adds the column of the machine it runs on, and one of its GPU, where both ways run.
`benchmarks/selection.py --millions 400` compares all ways at one size,
`benchmarks/step_cost.py` has a step of every method.
"""


def figure(machines: Sequence[Mapping[str, Any]]) -> Any:
    """A bar for each claim, marks of other machines, and a line where its goal is."""
    first, *others = ([c for s in of(m["claims"]).values() for c in s][::-1] for m in machines)
    names = {claim.work: "<br>".join(wrap(claim.work, 52)) for claim in first}
    colours = ["#0072B2" if claim.met else "#E69F00" for claim in first]
    bars = go.Bar(y=list(names.values()), x=[c.median for c in first], orientation="h",
                  marker_color=colours, text=[f"× {c.median:.1f}" for c in first],
                  textposition="inside", insidetextanchor="start",
                  name=machines[0]["name"])  # fmt: skip
    goals = go.Scatter(y=list(names.values()), x=[c.goal for c in first], mode="markers",
                       name="goal", marker={"symbol": "line-ns-open", "size": 22,
                                            "color": "black"})  # fmt: skip
    marks = [
        go.Scatter(y=[names[c.work] for c in found if c.work in names],
                   x=[c.median for c in found if c.work in names], mode="markers",
                   name=machine["name"], marker={"symbol": "diamond", "size": 11,
                   "color": "#CC79A7", "line": {"width": 1, "color": "white"}})
        for machine, found in zip(machines[1:], others, strict=True)
    ]  # fmt: skip
    drawn = go.Figure([bars, goals, *marks])
    title = "times as fast as the other way; a bar is orange where the goal is not met"
    drawn.update_xaxes(type="log", title=title, tickvals=[1, 2, 5, 10, 20, 50, 100])
    drawn.update_yaxes(automargin=True)
    return drawn.update_layout(width=1000, height=120 + 48 * len(first), legend_orientation="h",
                               legend_y=1.08, template="plotly_white",
                               margin={"t": 20, "r": 20})  # fmt: skip


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
    name = torch.cuda.get_device_name() if asked.gpu else named()
    others = json.loads(NUMBERS.read_text(encoding="utf-8"))
    before = next((machine for machine in others if machine["name"] == name), {"claims": {}})
    others = [machine for machine in others if machine["name"] != name]
    machines = [_measured(name, of(before["claims"]), asked.only, asked.rounds), *others]
    text = page(machines)
    print(text)
    (DOCS / "benchmarks.md").write_text(text, encoding="utf-8")
    NUMBERS.write_text(json.dumps(machines, indent=1) + "\n", encoding="utf-8")
    picture(figure(machines), DOCS / "benchmarks.png")


def _measured(name: str, known: Found, only: Sequence[str], rounds: int) -> dict[str, Any]:
    """What is found on this machine: all of it anew, or what these scripts have."""
    about = {"name": name, "load": load(), "torch": torch.__version__, "threads": 1}
    found = {**(known if only else {}), **claims(only or SCRIPTS, rounds)}
    return about | {"claims": plain({name: found[name] for name in SCRIPTS if name in found})}


if __name__ == "__main__":
    main()
