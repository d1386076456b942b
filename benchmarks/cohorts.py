"""Many small networks: the plain loop of tutorials, and the same trainings side by side.

    python benchmarks/cohorts.py [--rounds 5]

The peer trains one network after the other: torch.nn.utils.prune holds the mask, a DataLoader over
the same tensors gives the batches. Ours are the same networks, masks, epochs and batches through
``prunelab.together``, with all that a training tells after every epoch, of ten validation
examples. Whether to stack the networks is decided as in a sweep, by trying.

Of a whole sweep the peer trains the dense network anew for every run, as scripts do, prunes it and
fine-tunes it; ours trains it once for each seed. Epochs, masks and what chooses them are the same.
"""

from __future__ import annotations

import argparse
import copy
import functools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from claims import Claim, in_turns
from torch import nn
from torch.nn.utils import prune as peer
from torch.utils.data import DataLoader, TensorDataset

from prunelab import cohort, together
from prunelab.cover import Cover
from prunelab.events import Event
from prunelab.experiment import one_thread
from prunelab.job import Job, prepare
from prunelab.parts import Part
from prunelab.probes import parameter_names
from prunelab.spec import RunSpec, sweep
from prunelab.subject import shared
from prunelab.together import Work, side_by_side
from prunelab.training import Recipe, fit, tensors

WARM = 16  # runs side by side before any that counts
MNIST = {"data": "mnist", "data_knobs": {"limit": 3000}}


def loop(net: nn.Module, job: Job, recipe: Recipe) -> nn.Module:
    """The plain training loop."""
    data = TensorDataset(*tensors(job.parts.train))
    loader = DataLoader(data, batch_size=recipe.batch_size, shuffle=True)
    optimizer = recipe.build(net)
    for _ in range(recipe.epochs):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
            optimizer.step()
    return net


def masked(job: Job) -> nn.Module:
    """A fresh network under the mask of its own first values, as torch holds one."""
    return pruned(job.build(), job)


def pruned(net: nn.Module, job: Job) -> nn.Module:
    """A network under the mask of its own values, as torch holds one."""
    mask = job.choose(net, job.spec.sparsity).mask
    for name, kept in mask.items():
        peer.custom_from_mask(net.get_submodule(name), "weight", kept)
    return net


def joined(job: Job) -> list[Event]:
    """The same training, ours."""
    return covered(job.build(), job, job.recipe)


def covered(net: nn.Module, job: Job, recipe: Recipe) -> list[Event]:
    """A network trained under the mask of its own values."""
    mask, names = job.choose(net, job.spec.sparsity).mask, parameter_names(net)
    cover = Cover({names[layer]: kept for layer, kept in mask.items()})
    return list(fit(net, job.parts, recipe, phase="train", seed=job.spec.seed, cover=cover))


def dense(job: Job) -> nn.Module:
    """The dense network of a seed, trained."""
    net = job.build()
    list(fit(net, job.parts, job.recipe, phase="dense", seed=job.spec.seed, cover=Cover({})))
    return net


def script(job: Job) -> nn.Module:
    """One run of a sweep as scripts do it: dense training, the mask, fine-tuning."""
    net = pruned(loop(job.build(), job, job.recipe), job)
    return loop(net, job, job.retrain)


def shared_dense(jobs: Sequence[Job]) -> None:
    """All runs of a sweep, ours: the dense network of each seed is trained once, by the first."""
    first = {job.spec.seed: job for job in reversed(jobs)}
    trained = dict(zip(first, beside(dense, list(first.values())), strict=True))
    beside(lambda job: covered(copy.deepcopy(trained[job.spec.seed]), job, job.retrain), jobs)


def beside(call: Callable[[Job], Any], jobs: Sequence[Job]) -> list[Any]:
    """What the call makes of every job, side by side."""
    nowhere = Path(tempfile.gettempdir()) / "none"
    works = [
        Work(replace(job.spec, weights="own"), functools.partial(call, job), nowhere)
        for job in jobs
    ]
    return side_by_side(works, lambda: None)


def trainings(name: str, specs: Sequence[RunSpec], goal: float, rounds: int) -> Claim:
    """Every spec's network trained under a mask, both ways."""
    jobs = _ready(specs)
    return _claim(
        name,
        goal,
        jobs,
        lambda some: [loop(masked(job), job, job.recipe) for job in some],
        lambda some: beside(joined, some),
        rounds,
    )


def swept(name: str, specs: Sequence[RunSpec], goal: float, rounds: int) -> Claim:
    """A sweep of dense training, pruning and fine-tuning, both ways."""
    jobs = _ready(specs)
    claim = _claim(name, goal, jobs, lambda some: list(map(script, some)), shared_dense, rounds)
    long, short = jobs[0].recipe.epochs, jobs[0].retrain.epochs
    seeds = len({job.spec.seed for job in jobs})
    fewer = len(jobs) * (long + short) / (seeds * long + len(jobs) * short)
    return claim._replace(note=f"{claim.note}; sharing alone leaves 1 of {fewer:.1f} epochs")


def _ready(specs: Sequence[RunSpec]) -> list[Job]:
    with shared():
        return [_few(prepare(spec)) for spec in specs]


def _claim(
    name: str,
    goal: float,
    jobs: Sequence[Job],
    theirs: Callable[[Sequence[Job]], object],
    ours: Callable[[Sequence[Job]], object],
    rounds: int,
) -> Claim:
    stacked: list[int] = []
    plain = cohort.epoch_together
    together.epoch_together = lambda s, *rest: stacked.append(len(s.trainings)) or plain(s, *rest)
    theirs(jobs[:1])  # both warm up by a little of it
    ours(jobs[:WARM])
    ratios = in_turns(lambda: theirs(jobs), lambda: ours(jobs), rounds)
    together.epoch_together = plain
    said = f"stacked, {max(stacked)} at once" if stacked else "one after the other: faster here"
    return Claim(name, "DataLoader loop with torch.nn.utils.prune", goal, ratios, said)


def _few(job: Job) -> Job:
    """With ten validation examples: the peer validates nothing."""
    part = job.parts.validation
    return replace(job, parts=replace(job.parts, validation=Part(part.x[:10], part.y[:10])))


def claims(rounds: int = 5) -> list[Claim]:
    """Every claim of this script."""
    ten = [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.95, 0.97, 0.98]
    perceptrons, wider = (
        sweep(
            RunSpec(model="mlp", model_knobs={"widths": widths}, epochs=10),
            sparsity=ten,
            seed=range(5),
        )
        for widths in ("32", "64-32")
    )
    lenets = sweep(RunSpec(epochs=2, **MNIST), sparsity=ten)
    five = sweep(RunSpec(model="lenet-5", epochs=5), sparsity=ten[:5], seed=range(3))
    residual = sweep(RunSpec(model="resnet-narrow", epochs=2), sparsity=ten)
    whole = sweep(
        RunSpec(epochs=10, recover_epochs=1, data="mnist", data_knobs={"limit": 2000}),
        method=["magnitude", "random", "wanda"],
        sparsity=[0.5, 0.8, 0.9, 0.95, 0.98],
        seed=range(10),
    )
    with one_thread():
        return [
            trainings("50 MLPs 64-32-10 on digits", perceptrons, 15, rounds),
            trainings("50 MLPs 64-64-32-10 on digits", wider, 15, rounds),
            trainings("10 × LeNet-300-100 on 3,000 of MNIST", lenets, 2, rounds),
            trainings("15 × LeNet-5 on digits", five, 2, rounds),
            trainings("10 × ResNet-8, narrow, on digits", residual, 1, rounds),
            swept(
                "LeNet-300-100 on 2,000 of MNIST: 5 sparsities × 3 methods × 10 seeds, "
                "10 dense epochs and 1 of fine-tuning",
                whole,
                10,
                rounds,
            ),
        ]


def main() -> None:
    """Print every claim."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    for claim in claims(parser.parse_args().rounds):
        low, high = min(claim.ratios), max(claim.ratios)
        print(f"{claim.work}: × {claim.median:.2f} ({low:.2f}-{high:.2f}); {claim.note}")


if __name__ == "__main__":
    main()
