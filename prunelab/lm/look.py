"""``python -m prunelab.lm.look ASKED RUN FOLDER``: look at a run on a small decoder for the app.

Without a prompt: its neurons with what a rank is made of, and its speed. With one: what the dense
and the pruned model make of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from prunelab import artefacts, aside, given, talk
from prunelab.files import find
from prunelab.filters.maps import inputs
from prunelab.filters.norms import norms, used
from prunelab.filters.ranked import makers
from prunelab.filters.readers import readers
from prunelab.job import Job, prepare
from prunelab.measure.costs import batches, timed
from prunelab.scoring import score
from prunelab.spec import RunSpec, SpecError
from prunelab.units.filters import planned

LETTERS = 160  # that are written after a prompt
READ = 32  # windows that are read at once
DRAWN = 1 << 18  # weights of a layer that a page can be given
EXAMPLES = 64


def neurons(job: Job, dense: nn.Module, masks: Mapping[str, Tensor]) -> dict[str, Any]:
    """Of every MLP the scores, what stays, and what its rank is made of, as arrays."""
    scores = _scores(job, dense)
    groups = planned(dense, job.parts).classes
    layers = {group.name: makers(dense, group)[0] for group in groups}
    wanted = {*layers.values(), *(r.layer for g in groups for r in readers(dense, g))}
    seen = norms(dense, inputs(dense, job.parts, EXAMPLES, job.spec.seed), wanted)
    arrays: dict[str, Any] = {"names": np.array([*layers.values()])}
    for i, group in enumerate(groups):
        layer = layers[group.name]
        weight: Any = dense.get_submodule(layer).weight
        drawn = weight.detach().numpy() if weight.numel() <= DRAWN else np.zeros((0, 0))
        found = talk.Mlp(
            layer,
            _each(scores, group.name, layer),
            _each(masks, group.name, layer),
            drawn,
            seen.incoming(layer).numpy(),
            used(dense, group, seen).numpy(),
        )
        arrays |= {f"{i} {field}": v for field, v in found._asdict().items() if field != "name"}
    return arrays


def _scores(job: Job, dense: nn.Module) -> Mapping[str, Tensor]:
    if job.method.when != "trained" or job.method.schedule != "one-shot":
        return {}  # it scored another network than this one
    return score(job.method, job.unit, dense, job.parts, job.spec)


def _each(found: Mapping[str, Tensor], group: str, layer: str) -> Any:
    """One number a neuron: its own, or the mean over the weights that make it."""
    value = found.get(group, found.get(layer))
    if value is None:
        return np.zeros(0)
    value = value.detach().double()
    return (value if value.ndim == 1 else value.mean(1)).numpy()


def speed(job: Job, nets: Mapping[str, nn.Module]) -> dict[str, dict[str, Any]]:
    """Tokens a second, the two models taking turns: a batch that is read, and one by one."""
    x = torch.from_numpy(job.parts.validation.x)
    window = x.shape[1]
    found = {}
    for what, batch, tokens in (
        ("reading", batches(x, READ), READ * window),
        ("writing", x[:1], 1),
    ):
        found[what] = {name: _per_second(t, tokens) for name, t in timed(nets, batch).items()}
    return found


def _per_second(told: Mapping[str, Any], tokens: int) -> dict[str, float]:
    """The interval of the time, as one of the speed: the slowest time is the lowest speed."""
    ends = {"median": "median", "low": "high", "high": "low"}
    return {name: 1000 * tokens / told[of] for name, of in ends.items()} | {"runs": told["runs"]}


@torch.inference_mode()
def written(net: nn.Module, ids: list[int], window: int, letters: int = LETTERS) -> list[int]:
    """A text that a model goes on with, the likeliest token each time."""
    ids = [*ids]
    for _ in range(letters):
        logits = net(torch.tensor([ids[-window:]]))
        ids.append(int(logits[0, :, -1].argmax()))
    return ids


def spoken(job: Job, nets: Mapping[str, nn.Module], prompt: str) -> dict[str, str]:
    """The prompt, and what each model makes of it.

    Raises:
        SpecError: a letter that the model never saw.
    """
    known = {letter: i for i, letter in enumerate(job.parts.classes)}
    strange = sorted({letter for letter in prompt if letter not in known})
    if strange:
        raise SpecError(
            f"The model never saw {', '.join(map(repr, strange[:5]))}. It knows these letters: "
            f"{' '.join(repr(one)[1:-1] for one in known)}"
        )
    ids, window = [known[letter] for letter in prompt], job.parts.shape[0]
    told = {name: written(net, ids, window)[len(ids) :] for name, net in nets.items()}
    texts = {name: "".join(job.parts.classes[i] for i in more) for name, more in told.items()}
    return {"prompt": prompt, **texts}


def loaded(spec: RunSpec, run: Path) -> tuple[Job, dict[str, nn.Module]]:
    """The job of a run, its dense and its pruned network."""
    job = prepare(spec)
    if spec.weights:
        dense = job.build()
        dense.load_state_dict(given.read(find(spec.weights, ".safetensors"), dense))
    else:
        dense = artefacts.load_model(run, "dense")
    return job, {"dense": dense.eval(), "pruned": artefacts.load_model(run).eval()}


def write(asked: Mapping[str, Any], run: Path, folder: Path, tell: aside.Tell) -> tuple[str, ...]:
    """Do what is asked and write it into the folder.

    Raises:
        SpecError: a prompt with letters nobody knows, or files that are not there.
    """
    spec = RunSpec.from_json(asked["spec"])
    try:
        job, nets = loaded(spec, run)
    except FileNotFoundError as missing:
        raise SpecError(f"{missing} Press Run once more.") from missing
    folder.mkdir(parents=True, exist_ok=True)
    if prompt := asked.get("prompt", ""):
        tell("Writing", 0.5)
        aside.keep(folder / talk.SAID, spoken(job, nets, prompt))
        return ()
    tell("Looking at the neurons", 0.4)
    masks = given.load(run / artefacts.MASKS)
    np.savez_compressed(folder / talk.ARRAYS, **neurons(job, nets["dense"], masks))
    tell("Timing both in turn", 0.7)
    aside.keep(folder / talk.SPEED, speed(job, nets))
    return ()


def main(asked: Mapping[str, Any], run: Path, folder: Path) -> int:
    """One at a time of a run."""
    return aside.work(folder, "Loading the models", lambda tell: write(asked, run, folder, tell))


if __name__ == "__main__":
    aside.calm()
    torch.set_num_threads(1)
    sys.exit(main(json.loads(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
