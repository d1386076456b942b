"""Accuracy of LeNet-300-100 at 64 sparsities right after the cut: a loop, and one pass.

    python benchmarks/one_shot.py [--rounds 5]

The loop prunes a copy with torch.nn.utils.prune.global_unstructured and measures it on 1,000
images, sparsity by sparsity. Ours is what Scissors does. Accuracies are compared first.
"""

from __future__ import annotations

import argparse
import copy

import torch
from claims import Claim, in_turns
from torch import nn
from torch.nn.utils import prune as peer

from prunelab.cover import Cover
from prunelab.experiment import one_thread
from prunelab.grid import accuracies, highest
from prunelab.job import device, prepare
from prunelab.masks import removed
from prunelab.measure.quality import quality
from prunelab.parts import Part
from prunelab.probes import parameter_names, weights
from prunelab.scissors import STOPS
from prunelab.spec import RunSpec
from prunelab.training import fit, tensors

IMAGES = 1000


def trained() -> tuple[nn.Module, Part]:
    """A network that has learned a little of MNIST, and images to try it on."""
    job = prepare(RunSpec(data="mnist", data_knobs={"limit": 3000}, epochs=2))
    net = job.build().to(device())
    list(fit(net, job.parts, job.recipe, phase="dense", seed=0, cover=Cover({})))
    return net, Part(job.parts.validation.x[:IMAGES], job.parts.validation.y[:IMAGES])


def loop(net: nn.Module, part: Part) -> list[float]:
    """Prune a copy and measure it, sparsity by sparsity."""
    found = []
    x, y = tensors(part, device())
    units = sum(w.numel() for w in weights(net).values())
    for sparsity in STOPS:
        pruned = copy.deepcopy(net)
        layers = [(layer, "weight") for layer in pruned.modules() if isinstance(layer, nn.Linear)]
        gone = removed(sparsity, units)
        peer.global_unstructured(layers, pruning_method=peer.L1Unstructured, amount=gone)
        with torch.inference_mode():
            right = pruned(x).argmax(1) == y
        found.append(float(right.float().mean()))
    return found


def grid(net: nn.Module, part: Part) -> list[float]:
    """All of them in one pass."""
    scores = {name: w.detach().abs() for name, w in weights(net).items()}
    mask, names = highest(scores), parameter_names(net)
    units = sum(score.numel() for score in scores.values())
    masks = [mask(units - removed(sparsity, units)) for sparsity in STOPS]
    return accuracies(net, part, [{names[n]: m for n, m in one.items()} for one in masks])


def claims(rounds: int = 5) -> list[Claim]:
    """The claim of this script."""
    with one_thread():
        net, part = trained()
        apart = max(abs(a - b) for a, b in zip(loop(net, part), grid(net, part), strict=True))
        if apart > 2 / IMAGES:
            raise SystemExit(f"The two differ by {apart} in accuracy.")
        full = quality(net, part, 10)["accuracy"]
        ratios = in_turns(lambda: loop(net, part), lambda: grid(net, part), rounds)
    note = f"accuracies agree to {apart:.3f}; dense {full:.3f}"
    work = "one-shot accuracy at 64 sparsities, LeNet-300-100, 1,000 images"
    return [Claim(work, "loop of torch.nn.utils.prune and a pass", 8, ratios, note)]


def main() -> None:
    """Print the claim."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    for claim in claims(parser.parse_args().rounds):
        print(f"{claim.work}: × {claim.median:.1f}; {claim.note}")


if __name__ == "__main__":
    main()
