"""What a method that learns while a network trains remembers, reads and changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from prunelab.masks import Masks
from prunelab.speech import phrase

Start = float | Callable[[str, Tensor], Tensor]
Examples = tuple[Tensor, Tensor]  # what a network is asked, and the classes it should answer
Loss = Callable[[Tensor, Examples], Tensor]


def by_classes(answers: Tensor, examples: Examples) -> Tensor:
    """Cross-entropy with the classes: the loss unless a course has another."""
    return cross_entropy(answers, examples[1])


@dataclass
class Memory:
    """All that a method keeps from one step to the next: tensors by name and layer.

    Nothing else may be kept, so that whoever saves ``state()`` can go on later as if nothing
    happened. ``rates`` are the learning rates of what the optimiser trains beside the weights.
    """

    kept: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)

    def tensors(
        self, name: str, like: Mapping[str, Tensor], start: Start = 0.0
    ) -> dict[str, Tensor]:
        """Tensors in the shapes of ``like``; made at the first call, the same ones afterwards."""
        if name not in self.kept:
            self.kept[name] = {layer: _first(layer, w.detach(), start) for layer, w in like.items()}
        return self.kept[name]

    def parameters(
        self, name: str, like: Mapping[str, Tensor], *, start: Start = 0.0, lr: float
    ) -> dict[str, Tensor]:
        """As ``tensors``, but trained with the network: its optimiser, this learning rate."""
        self.rates[name] = lr
        found = self.tensors(name, like, start)
        for tensor in found.values():
            tensor.requires_grad_()
        return found

    def groups(self) -> list[dict[str, object]]:
        """Parameter groups for the optimiser; weight decay is for weights only."""
        return [
            {"params": list(self.kept[name].values()), "lr": lr, "weight_decay": 0.0}
            for name, lr in self.rates.items()
        ]

    def state(self) -> dict[str, Tensor]:
        """Everything as named tensors, for a file."""
        return {
            f"{name}/{layer}": tensor.detach().clone()
            for name, tensors in self.kept.items()
            for layer, tensor in tensors.items()
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take back what ``state`` gave; whoever holds a tensor already sees its values change."""
        for path, tensor in state.items():
            name, _slash, layer = path.partition("/")
            known = self.kept.setdefault(name, {})
            if layer in known:
                known[layer].detach().copy_(tensor)
            else:
                known[layer] = tensor.clone()


class Gates(NamedTuple):
    """What decides, weight by weight, whether a method would keep it: for pictures."""

    label: str
    threshold: float
    shut: Literal["above", "below"]  # the side of the threshold on which a weight goes
    values: Callable[[], Mapping[str, Tensor]]


@dataclass
class Course:
    """Where training stands, and what a method changes about it.

    A method reads the first three and may set the rest. Only the mask and the note are saved: a
    method that goes on after a break is entered anew with the step, the mask and its memory as they
    were, nothing due, and sets the rest again; what it yields first is not used.

    Args:
        step: steps begun, from 1; 0 before the first.
        steps: all steps of the training.
        mask: the units that stay at present, by layer; empty while nothing is pruned.
        due: the scores yielded next choose a mask, because the schedule says so.
        hold: set to True, this step's gradients do not change the weights.
        forward: ``layer -> function(module, x)`` that stands in for a layer's own forward.
        penalty: what is added to the loss.
        seen: ``-> {layer: weights}`` that the forward pass has in place of those stored; the
            gradients are then with respect to these.
        loss: of the answers and the examples (x, y).
        shown: the weights by layer as they count when the network is evaluated, if not as stored.
        gates: what decides whether a weight would stay, while the method learns it.
        note: what the person who reads the result should know.
    """

    step: int = 0
    steps: int = 1
    mask: Masks = field(default_factory=dict)
    due: bool = True
    hold: bool = False
    forward: Mapping[str, Callable[[nn.Module, Tensor], Tensor]] = field(default_factory=dict)
    penalty: Callable[[], Tensor] | None = None
    seen: Callable[[], Mapping[str, Tensor]] | None = None
    loss: Loss = by_classes
    shown: Callable[[], Mapping[str, Tensor]] | None = None
    gates: Gates | None = None
    note: str = ""

    @property
    def done(self) -> float:
        """Share of training, 0..1."""
        return self.step / self.steps


def own_answer(rule: str, stays: Mapping[str, Tensor]) -> str:
    """What a method that learns its sparsity would have kept, as a note."""
    kept = sum(int(mask.sum()) for mask in stays.values())
    units = sum(mask.numel() for mask in stays.values())
    return phrase(f"The method's own answer, {rule}, would keep {kept} of {units} weights.")


def _first(layer: str, weight: Tensor, start: Start) -> Tensor:
    return start(layer, weight) if callable(start) else weight.new_full(weight.shape, start)
