"""What a pruned language model says and which of its neurons stay, in numpy alone.

torch is needed once, in another process (``prunelab.lm.look``); what it leaves is read here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prunelab.aside import State, look, order, stop
from prunelab.spec import SpecError

__all__ = [
    "Mlp", "Ranked", "State", "begin_look", "begin_say", "look", "mlps", "place", "ranked", "said",
    "speeds", "stop",
]  # fmt: skip
LOOK, ARRAYS, SPEED, SAID = "look", "neurons.npz", "speed.json", "said.json"
LONGEST = 200  # letters of a prompt
Numbers = NDArray[np.float64]


class Mlp(NamedTuple):
    """One MLP: scores and share kept of its neurons, and what a rank is made of.

    ``weight`` of the layer that makes the neurons (neurons, inputs), empty where it is too large
    to draw; norms over tokens of what arrives, ``incoming``, and of what the neurons say,
    ``active``. ``score`` is empty where the method gave none.
    """

    name: str
    score: Numbers
    kept: Numbers
    weight: Numbers
    incoming: Numbers
    active: Numbers


class Ranked(NamedTuple):
    """The steps of one weighted PageRank over a layer: every sum is 1."""

    incoming: Numbers  # (inputs,)
    flow: Numbers  # (neurons, inputs), what each link hands on
    through: Numbers  # (neurons,), what arrives
    active: Numbers  # (neurons,)
    rank: Numbers  # (neurons,)


def place(folder: Path, home: Path, prompt: str = "") -> Path:
    """Where what is known of a run is or will be: its neurons and speed, or what it says."""
    name = f"say-{hashlib.sha256(prompt.encode()).hexdigest()[:16]}" if prompt else LOOK
    there = folder / name
    ours = folder.is_relative_to(Path(__file__).parent)  # came with PruneLab: only read
    return home / "talk" / folder.name / name if ours and not there.exists() else there


def begin_look(spec: Mapping[str, Any], folder: Path, home: Path) -> Path:
    """Begin to look at the neurons of a run and to time it; returns at once with the place."""
    return _begin({"spec": dict(spec)}, folder, home)


def begin_say(spec: Mapping[str, Any], folder: Path, home: Path, prompt: str) -> Path:
    """Let the dense and the pruned model go on with a prompt; returns at once with the place.

    Raises:
        SpecError: an empty prompt, or one too long.
    """
    if not prompt.strip() or len(prompt) > LONGEST:
        raise SpecError(f"The prompt must have 1 to {LONGEST} letters, got {len(prompt)}.")
    return _begin({"spec": dict(spec), "prompt": prompt}, folder, home)


def _begin(asked: dict[str, Any], folder: Path, home: Path) -> Path:
    there = place(folder, home, asked.get("prompt", ""))
    return order(there, "prunelab.lm.look", [json.dumps(asked), str(folder)], home, "answer")


def said(folder: Path) -> dict[str, str]:
    """Prompt, and what the dense and the pruned model made of it."""
    told: dict[str, str] = json.loads((folder / SAID).read_text(encoding="utf-8"))
    return told


def speeds(folder: Path) -> dict[str, dict[str, Any]]:
    """Tokens a second of the dense and the pruned model: reading, and writing one by one."""
    told: dict[str, dict[str, Any]] = json.loads((folder / SPEED).read_text(encoding="utf-8"))
    return told


def mlps(folder: Path) -> list[Mlp]:
    """The MLPs of a model, block by block."""
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
        names = [str(name) for name in arrays["names"]]
        fields = Mlp._fields[1:]
        return [Mlp(n, *(arrays[f"{i} {f}"] for f in fields)) for i, n in enumerate(names)]


def ranked(mlp: Mlp, gamma: float, theta: float) -> Ranked:
    """The steps of LLM-Rank over the layer that makes the neurons (see ``pagerank``)."""
    size = np.abs(mlp.weight.astype(float))
    links = (size > 0).astype(float)
    incoming, active = _shares(mlp.incoming), _shares(mlp.active)
    parts = theta * _columns(size) + (1 - theta) * _columns(links)
    flow = parts * incoming
    through = flow.sum(1)
    return Ranked(incoming, flow, through, active, _shares(gamma * through + (1 - gamma) * active))


def _columns(values: Numbers) -> Numbers:
    sums = values.sum(0)
    return np.asarray(np.divide(values, sums, out=np.zeros_like(values), where=sums > 0))


def _shares(values: Numbers) -> Numbers:
    values = np.asarray(values, float)
    total = values.sum()
    return values / total if total > 0 else np.full(values.shape, 1 / max(1, values.size))
