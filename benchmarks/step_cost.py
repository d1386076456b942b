"""What a training step costs with each method, beside a plain masked step; and scoring at init.

    python benchmarks/step_cost.py [--rounds 12] [--write]   # --write: docs/step-cost.md

LeNet-300-100 and LeNet-5, inputs as large as MNIST's, batches of 100, one thread. Every method
trains once from its first step to its last, 200 steps at a time, all in turn, so that whatever else
the machine does hits all of them alike. A step is all that the training loop does: forward,
backward, what the method does, optimiser, masks, and the changes of the mask that its schedule asks
for. It is put beside a step of the same optimiser with a mask that stays.

What a method does to each weight costs the same in both networks. A linear layer uses a weight once
for an example, a convolution at every place of the image: beside that work a method is cheap.
SR-STE needs inputs in blocks of four, and the first convolution has one.
"""

from __future__ import annotations

import argparse
import math
import platform
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from claims import Claim, clock, in_turns

from prunelab.cover import Cover
from prunelab.events import Epoch, Event
from prunelab.experiment import one_thread
from prunelab.job import Job, device, prepare
from prunelab.lab import Lab, put, state
from prunelab.learn import train_and_prune
from prunelab.parts import Part, Parts
from prunelab.registry import METHODS
from prunelab.spec import RunSpec
from prunelab.training import Recipe, fit

PAGE = Path(__file__).parents[1] / "docs" / "step-cost.md"
GOAL, SECONDS = 1.25, 1.0
STEPS = 200  # of one turn, an epoch
TURNS = 5  # of the products alone
MODELS = ("lenet-300-100", "lenet-5")
AT_INIT = ("magnitude-at-init", "snip", "iterative-snip", "force", "grasp", "synflow")
TRAINING = [n for n, m in METHODS.items() if m.when == "training" and "weights" in m.units]


class Row(NamedTuple):
    """A method's step by the plain one: mean of the turns, and their middle half."""

    method: str
    optimizer: str
    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.ratio:.2f} ({self.low:.2f} to {self.high:.2f})"


def parts() -> Parts:
    """Random images as large as MNIST's: enough for one turn, and a few to validate on."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((STEPS * 100, 1, 28, 28)).astype(np.float32)
    train = Part(x, generator.integers(0, 10, len(x)))
    few = Part(x[:10], np.arange(10))
    about = prepare(RunSpec()).parts
    return replace(about, train=train, validation=few, _test=few)


def job_of(
    method: str, rounds: int, data: Parts, recipe: Recipe | None = None, model: str = MODELS[0]
) -> Job:
    """A job on those images at 90 % (2:4 for patterns)."""
    sparsity = 0.5 if method == "sr-ste" else 0.9
    job = prepare(RunSpec(model=model, method=method, sparsity=sparsity))
    train = replace(recipe or job.train, epochs=rounds, batch_size=100, lr=1e-3)
    return replace(job, parts=data, train=train)


def lab_of(job: Job) -> Lab:
    """A network at its first values."""
    net = job.build().to(device())
    return Lab(net=net, first=state(net), mask={}, cover=Cover({}))


def plain(job: Job) -> Iterator[Event]:
    """Training under a mask that stays."""
    lab = lab_of(job)
    put(job, lab, job.choose(lab.net, 0.9).mask)
    yield from fit(lab.net, job.parts, job.train, phase="train", seed=0, cover=lab.cover)


def turn(events: Iterator[Event]) -> float:
    """Seconds until the next epoch is told."""
    start = clock()
    next(event for event in events if isinstance(event, Epoch))
    return clock() - start


def steps(rounds: int, methods: list[str], model: str) -> list[Row]:
    """All methods in turn, and the plain steps of both optimisers."""
    data = parts()
    able = [m for m in methods if m != "sr-ste" or model == MODELS[0]]
    jobs = {m: job_of(m, rounds, data, model=model) for m in able}
    recipes = {job.train.optimizer: job.train for job in jobs.values()}
    running = {o: plain(job_of("magnitude", rounds, data, r, model)) for o, r in recipes.items()}
    running |= {m: train_and_prune(job, lab_of(job)) for m, job in jobs.items()}
    taken: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(rounds):
        for name, events in running.items():
            taken[name].append(turn(events))
    return [_row(m, jobs[m].train.optimizer, taken) for m in able]


def claims(rounds: int) -> list[Claim]:
    """A step with a mask beside the same step without."""
    with one_thread():
        job = job_of("magnitude", rounds + 2, parts())
        lab = lab_of(job)
        bare = fit(lab.net, job.parts, job.train, phase="train", seed=0, cover=lab.cover)
        covered = plain(job)
        ratios = in_turns(lambda: turn(bare), lambda: turn(covered), rounds)
    work = "a training step with a mask, LeNet-300-100"
    return [Claim(work, "the same step without one", 1 / 1.1, ratios)]


def products() -> float:
    """The products that variational dropout adds to a step, beside a plain masked step.

    Variances too go through every layer, and slopes of them come back (Kingma et al. 2015, local
    reparameterisation): eight products more than the eight of a plain step.
    """
    sizes = zip((784, 300, 100), (300, 100, 10), strict=True)
    layers = [(torch.randn(100, i), torch.randn(o, i), torch.randn(100, o)) for i, o in sizes]

    def alone() -> None:
        for _ in range(STEPS):
            for number, (x, w, slope) in enumerate(layers):
                x @ w.T, slope.T @ x
                if number:
                    slope @ w

    job = job_of("variational-dropout", TURNS + 2, parts())
    covered = plain(job_of("magnitude", TURNS + 2, job.parts, job.train))
    return statistics.median(in_turns(alone, lambda: turn(covered), TURNS))


def _row(method: str, optimizer: str, taken: dict[str, list[float]]) -> Row:
    pairs = zip(taken[method][1:], taken[optimizer][1:], strict=True)  # the first turn warms up
    ratios = [mine / theirs for mine, theirs in pairs]
    low, _, high = statistics.quantiles(ratios, n=4)
    return Row(method, optimizer, statistics.fmean(ratios), low, high)


def scoring(method: str) -> list[float]:
    """Processor seconds of scoring a network before training at 90 %, three times."""
    data = parts()
    job = job_of(method, 1, data)
    net = job.build().to(device())
    taken = []
    for _ in range(3):
        start = clock()
        job.choose(net, 0.9)
        taken.append(clock() - start)
    return taken


def page(rows: list[tuple[Row | None, ...]], least: float, scored: dict[str, float]) -> str:
    """The text of docs/step-cost.md."""
    doc = (__doc__ or "").strip().split("\n\n", 2)[2]
    return "\n".join(
        [
            "# What a step costs",
            "",
            "Written by `python benchmarks/step_cost.py --write`.",
            "",
            doc,
            "",
            f"torch {torch.__version__}, {platform.machine()}; processor time. Mean of the",
            "turns and, in brackets, their middle half.",
            "",
            f"| method | optimiser | {' | '.join(MODELS)} | how many at most {GOAL} |",
            "| --- | --- | --- | --- | --- |",
            *(f"| {' | '.join(cells)} |" for cells in map(_cells, rows)),
            "",
            "In a step of variational dropout means and variances go through every layer and back:",
            "in LeNet-300-100 eight products more than a plain step has, and these alone take",
            f"{least:.2f} of it. While it learns its steps cannot be below {1 + least:.2f}; at",
            "80 % of training it settles, and they are plain ones.",
            "",
            "| method before training | processor seconds to score | below 1 s |",
            "| --- | --- | --- |",
            *(f"| {m} | {s:.3f} | {'yes' if s < SECONDS else 'no'} |" for m, s in scored.items()),
            "",
        ]
    )


def _cells(both: tuple[Row | None, ...]) -> list[str]:
    found = [row for row in both if row]
    within = f"{sum(row.ratio <= GOAL for row in found)} of {len(found)}"
    return [found[0].method, found[0].optimizer, *(str(row or "–") for row in both), within]


def main() -> None:
    """Print every row, and write the page where asked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--methods", nargs="*", default=TRAINING)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    with one_thread():
        taken = [{row.method: row for row in steps(args.rounds, args.methods, m)} for m in MODELS]
        rows = [tuple(each.get(method) for each in taken) for method in args.methods]
        least = products() if "variational-dropout" in args.methods else math.nan
        scored = {m: statistics.median(scoring(m)) for m in AT_INIT}
    for both in rows:
        print(*_cells(both), sep="  ")
    print(f"the products that variational dropout adds: {least:.2f}")
    for method, seconds in scored.items():
        print(f"{method}: {seconds:.3f} s")
    if args.write:
        PAGE.write_text(page(rows, least, scored), encoding="utf-8")


if __name__ == "__main__":
    main()
