"""All that a training is at the end of an epoch, as tensors and plain data, and back."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from prunelab.checkpoint import part, under
from prunelab.events import from_json, to_json
from prunelab.sealed import Held, Tensors

if TYPE_CHECKING:
    from prunelab.training import Learner


def position(
    net: nn.Module, optimizer: torch.optim.Optimizer, learner: Learner, epoch: int
) -> Held:
    """A training after an epoch; the tensors are the very ones in use."""
    told = [to_json(event) for event in learner.told]
    chance = randomness()
    tensors = (
        under("net", values(net))
        | under("optimizer", _remembered(optimizer))
        | under("memory", learner.memory.state())
        | chance.tensors
    )
    about = {"epoch": epoch, "note": learner.course.note, "told": told}
    return Held(tensors, about | chance.about)


def begin_from(held: Held, net: nn.Module, learner: Learner) -> None:
    """Put a training where it was, before its method enters it again."""
    put_values(net, part("net", held.tensors))
    learner.begin = held.about["epoch"]
    learner.told = [from_json(event) for event in held.about["told"]]
    _recall(net, learner, held)
    if learner.place:
        learner.place.take_up(part("more", held.tensors))


def go_on(held: Held, net: nn.Module, optimizer: torch.optim.Optimizer, learner: Learner) -> None:
    """Undo what entering has changed, and let the optimiser go on."""
    put_values(net, part("net", held.tensors))
    _recall(net, learner, held)
    learner.course.note = held.about["note"]
    state: dict[int, dict[str, Tensor]] = {}
    for path, tensor in part("optimizer", held.tensors).items():
        number, _, name = path.partition("/")
        state.setdefault(int(number), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    set_randomness(held)


def values(net: nn.Module) -> Tensors:
    """Every parameter and buffer of a network, also the buffers that its files leave out."""
    return {**dict(net.named_parameters()), **dict(net.named_buffers())}


@torch.no_grad()
def put_values(net: nn.Module, tensors: Tensors) -> None:
    """Give a network the values that ``values`` gave."""
    found = values(net)
    for name, tensor in tensors.items():
        found[name].copy_(tensor)


class Chance(NamedTuple):
    """The state of every global source of random numbers."""

    python: Any
    numpy: Any
    torch: Tensors


def chance() -> Chance:
    """The state as it is: for this process, quickly."""
    drawn = np.random.get_state()  # noqa: NPY002 - a method of one's own may use it
    return Chance(random.getstate(), drawn, torch_chance())


def set_chance(state: Chance) -> None:
    """Go on with random numbers where ``chance`` was."""
    random.setstate(state.python)
    np.random.set_state(state.numpy)  # noqa: NPY002 - as above
    set_torch_chance(state.torch)


def torch_chance() -> Tensors:
    """The state of torch's random numbers."""
    tensors = {"random/cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    return tensors


def set_torch_chance(state: Tensors) -> None:
    """Go on with torch's random numbers where ``torch_chance`` was."""
    torch.set_rng_state(state["random/cpu"])
    if torch.cuda.is_available() and "random/cuda" in state:
        torch.cuda.set_rng_state(state["random/cuda"])


def randomness() -> Held:
    """The same as tensors and plain data, for a file."""
    state = chance()
    kind, keys, *rest = state.numpy
    told = {"python": state.python, "numpy": [kind, np.asarray(keys).tolist(), *rest]}
    return Held(state.torch, {"random": told})


def set_randomness(held: Held) -> None:
    """Go on with random numbers where ``randomness`` was."""
    told: dict[str, Any] = held.about["random"]
    version, numbers, last = told["python"]
    python = (version, tuple(numbers), last)
    set_chance(Chance(python, tuple(told["numpy"]), held.tensors))


def _remembered(optimizer: torch.optim.Optimizer) -> Tensors:
    states = optimizer.state_dict()["state"]
    return {
        f"{number}/{name}": value
        for number, state in states.items()
        for name, value in state.items()
        if torch.is_tensor(value)
    }


def _recall(net: nn.Module, learner: Learner, held: Held) -> None:
    device = next(net.parameters()).device
    learner.memory.load({n: t.to(device) for n, t in part("memory", held.tensors).items()})
