"""What a law is tried on: a method with a model it fits, and how two answers are compared."""

from __future__ import annotations

import copy
import functools
import itertools
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from prunelab.checkpoint import eager
from prunelab.events import Epoch, Event
from prunelab.experiment import run
from prunelab.job import Job


class Broken(AssertionError):
    """A law does not hold; the message says how."""


@dataclass(frozen=True)
class Case:
    """A method with a model it fits, trained for an epoch."""

    job: Job
    model: Any

    @property
    def network(self) -> bool:
        """Whether the model is a torch module."""
        return isinstance(self.model, nn.Module)

    @functools.cached_property
    def events(self) -> list[Event]:
        """What a run says; it runs once for all laws that only read it, or what it left."""
        return list(run(self.job.spec, files=self.home / "whole"))

    @functools.cached_property
    def stopped(self) -> list[Event]:
        """What the same run of a network says again until it is stopped after its last epoch."""
        last = max(i for i, event in enumerate(self.events) if isinstance(event, Epoch))
        with eager():
            return list(itertools.islice(run(self.job.spec, files=self.home / "stopped"), last + 1))

    @functools.cached_property
    def home(self) -> Path:
        """A folder for what these runs leave on disk."""
        held = tempfile.TemporaryDirectory()
        weakref.finalize(self, held.cleanup)
        return Path(held.name)


def outputs(case: Case, model: Any, x: Any = None) -> Any:
    """Logits or class probabilities, of the validation part where no inputs are given."""
    x = case.job.parts.validation.x if x is None else x
    if not isinstance(model, nn.Module):
        return model.predict_proba(x.reshape(len(x), -1))
    with torch.inference_mode():
        return copy.deepcopy(model).eval()(torch.from_numpy(x)).numpy()


def trace(case: Case) -> dict[str, Tensor]:
    """All of a model that scoring must not change."""
    seen = {"random numbers": torch.get_rng_state()}
    if case.network:
        seen |= {name: t.clone() for name, t in case.model.state_dict().items()}
        grads = {n: p.grad for n, p in case.model.named_parameters() if p.grad is not None}
        seen |= {f"{name}.grad": grad.clone() for name, grad in grads.items()}
        seen["training"] = torch.tensor([m.training for m in case.model.modules()])
    return seen


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    """Whether two sets of tensors are equal, bit for bit."""
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)
