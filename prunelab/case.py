"""What a law is tried on: a method with a model it fits, and how two answers are compared."""

from __future__ import annotations

import copy
import functools
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from prunelab.events import Event
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
        return list(run(self.job.spec, files=self._kept))

    @property
    def folder(self) -> Path:
        """What that run left on disk."""
        self.events  # noqa: B018 - it has run
        return self._kept

    @functools.cached_property
    def _kept(self) -> Path:
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
