"""The tensors of several networks as one: a step, and a look at how they do, for all at once.

The values of the networks become views of the stack. Each has its own examples, mask, buffers and
random numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from prunelab.chain import Chain, fits
from prunelab.cover import INTEGERS
from prunelab.parts import Part
from prunelab.standing import Standing
from prunelab.training import Training, tensors


class Stack:
    """The tensors of several networks, one for each name with a row for each network."""

    def __init__(self, trainings: Sequence[Training]) -> None:
        self.trainings, first = trainings, trainings[0]
        for training in trainings:
            training.net.train()
        self.net = first.net
        self.values = [dict(t.net.named_parameters()) for t in trainings]
        self.parameters = {
            name: nn.Parameter(_joined(own), requires_grad=own[0].requires_grad)
            for name, own in _by_name(self.values).items()
        }
        self.chain = Chain(self.net, self.parameters) if fits(self.net) else None
        self.places = [_places(own) for own in self.values]
        buffers = _by_name([dict(t.net.named_buffers()) for t in trainings])
        self.buffers = {name: _joined(own) for name, own in buffers.items()}
        self.optimizer = first.recipe.build(nn.ParameterList(self.parameters.values()))
        for group in self.optimizer.param_groups:
            group |= {"fused": True, "foreach": False}  # one pass over what it changes
        self._take_states()
        self.given = False
        self.covers = [t.cover.parameters for t in trainings]
        self.masks = _masks(self.covers, self.parameters)
        self.drops = [m for m in self.net.modules() if type(m) is nn.Dropout and m.p]
        self.chances = [torch.Generator(t.examples[0].device) for t in trainings]
        self.one_source = len({t.examples[0].data_ptr() for t in trainings}) == 1
        # An example that is one row is copied in one go.
        self.flat = [part.flatten(1) if part.ndim > 1 else part for part in first.examples]
        self.validation = _shared([t.validation for t in trainings])

    def holds(self, trainings: Sequence[Training]) -> bool:
        """Whether these are the trainings, with the values and masks it has."""
        return list(map(id, trainings)) == list(map(id, self.trainings)) and all(
            t.cover.parameters is cover and _places(own) == places
            for t, cover, own, places in zip(
                trainings, self.covers, self.values, self.places, strict=True
            )
        )

    def losses(self, batch: Tensor) -> Tensor:
        """One step of every network, each with the examples of its row; the loss of each."""
        x, y = self._examples(batch)
        if self.chain:
            losses, slope = _cross_entropy(self.chain.answers(x), y)
            self.chain.backward(slope)
        else:
            self.optimizer.zero_grad(set_to_none=True)
            call = functools.partial(_answers, self.net)
            answers = vmap(call)(self.parameters, self.buffers, x)
            losses, slope = _cross_entropy(answers.detach(), y)
            answers.backward(slope)  # type: ignore[no-untyped-call]
        for name, keep in self.masks.items():  # weights and states are zero there, and stay it
            if (gradient := self.parameters[name].grad) is not None:
                gradient.view(keep.dtype).bitwise_and_(keep)
        self._optimise()
        return losses

    @torch.no_grad()
    def _optimise(self) -> None:
        """The optimiser's step: of SGD on a chain, the call that torch's own comes down to.

        What torch does around it takes as long as a stack of small networks does in it.
        """
        group, state = self.optimizer.param_groups[0], self.optimizer.state
        plain = self.chain and type(self.optimizer) is torch.optim.SGD and group["momentum"]
        if not plain or not state:  # the first step makes it
            self.optimizer.step()
            return
        names = ("weight_decay", "momentum", "lr", "dampening", "nesterov", "maximize")
        torch._fused_sgd_(
            group["params"],
            [p.grad for p in group["params"]],
            [state[p]["momentum_buffer"] for p in group["params"]],
            **{name: group[name] for name in names},
            is_first_step=False,
        )

    @torch.no_grad()
    def standings(self) -> Sequence[Standing | None]:
        """How each network does; None where they do not have the same validation part."""
        if self.validation is None:
            return [None] * len(self.trainings)
        rows, first = len(self.trainings), self.trainings[0]
        x, y = tensors(self.validation, first.examples[0].device)
        loss, right = torch.zeros(2, rows, dtype=torch.float64, device=y.device)
        at_once = first.recipe.batch_size
        self.net.eval()
        for some, truth in zip(torch.split(x, at_once), torch.split(y, at_once), strict=True):
            logits = self._said(some)
            loss += _losses(_logs(logits), truth.expand(rows, 1, *truth.shape)) * len(truth)
            right += (logits.argmax(2) == truth).flatten(1).sum(1)
        self.net.train()
        measured = loss / len(y), right / y.numel(), self._zeros_kept()
        return list(map(Standing, *(of_each.tolist() for of_each in measured)))

    def _said(self, x: Tensor) -> Tensor:
        """What every network says of the same examples."""
        if self.chain:
            return self.chain.answers(x.expand(len(self.trainings), *x.shape))
        call = functools.partial(_answers, self.net)
        said: Tensor = vmap(call, (0, 0, None))(self.parameters, self.buffers, x)
        return said

    def _zeros_kept(self) -> Tensor:
        kept = torch.ones(len(self.trainings), dtype=torch.bool, device=self.chances[0].device)
        for name, keep in self.masks.items():
            kept &= ((self.parameters[name] == 0) | (keep != 0)).flatten(1).all(1)
        return kept

    def _examples(self, batch: Tensor) -> tuple[Tensor, ...]:
        """Those of each network, stacked; read at once where all have the same data."""
        if not self.one_source:
            every = [t.examples for t in self.trainings]
            pairs = [(x[row], y[row]) for (x, y), row in zip(every, batch, strict=True)]
            return tuple(map(torch.stack, zip(*pairs, strict=True)))
        numbers = batch.flatten()
        return tuple(
            flat.index_select(0, numbers).view(*batch.shape, *part.shape[1:])
            for flat, part in zip(self.flat, self.trainings[0].examples, strict=True)
        )

    def _take_states(self) -> None:
        """What the optimisers of the networks remember becomes rows of the stack's."""
        for name, parameter in self.parameters.items():
            own = [
                t.optimizer.state.get(v[name])
                for t, v in zip(self.trainings, self.values, strict=True)
            ]
            if own[0]:
                self.optimizer.state[parameter] = {
                    key: torch.stack([o[key] for o in own if o]) if value.ndim else value.clone()
                    for key, value in own[0].items()
                }

    def give_states(self) -> None:
        """Each network's optimiser remembers its rows; once given, these follow the stack's."""
        every = [value for state in self.optimizer.state.values() for value in state.values()]
        if self.given and all(value.ndim for value in every):
            return
        self.given = True
        for name, parameter in self.parameters.items():
            state = self.optimizer.state.get(parameter, {})
            for row, (training, own) in enumerate(zip(self.trainings, self.values, strict=True)):
                training.optimizer.state[own[name]] = {
                    key: value[row] if value.ndim else value.clone() for key, value in state.items()
                }

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """Inside, dropout draws for each network what it would draw alone."""
        for layer in self.drops:
            layer.__dict__["forward"] = functools.partial(_dropped, layer.p, self.chances)
        try:
            yield
        finally:
            for layer in self.drops:
                del layer.__dict__["forward"]


class _Drop(torch.autograd.Function):
    """Dropout over a stack, each row with a generator of its own."""

    @staticmethod
    def forward(x: Tensor, p: float, chances: Sequence[torch.Generator]) -> Tensor:
        raise NotImplementedError("Only a stack drops with several generators.")

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing: autograd sees what ``vmap`` does."""

    @staticmethod
    def vmap(info: Any, dims: Any, x: Tensor, p: float, chances: Any) -> tuple[Tensor, int]:
        rows = x.movedim(dims[0], 0)
        kept = [
            torch.empty_like(row).bernoulli_(1 - p, generator=chance).div_(1 - p)
            for row, chance in zip(rows, chances, strict=True)
        ]
        return rows * torch.stack(kept), 0


def _cross_entropy(answers: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The mean loss of each row of a stack, and the slope of their sum at the answers.

    In closed form, share less truth: torch's own takes most of a small network's step.
    """
    logs, right = _logs(answers), y.unsqueeze(1)
    losses = _losses(logs, right)
    slope = logs.exp_().scatter_(1, right, -1.0, reduce="add")
    return losses, slope.div_(y.numel() // len(y)).transpose(1, 2)


def _losses(logs: Tensor, right: Tensor) -> Tensor:
    """The mean loss of each row of a stack."""
    return logs.gather(1, right).flatten(1).sum(1).div_(-(right.numel() // len(right)))


def _logs(answers: Tensor) -> Tensor:
    """Of the share of each class, the classes before the examples: so a pass goes along these."""
    return answers.transpose(1, 2).log_softmax(1)


def _dropped(p: float, chances: Sequence[torch.Generator], x: Tensor) -> Tensor:
    return _Drop.apply(x, p, chances)  # type: ignore[no-untyped-call, no-any-return]


def _answers(
    net: nn.Module, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], x: Tensor
) -> Tensor:
    return functional_call(net, {**parameters, **buffers}, (x,))  # type: ignore[no-any-return]


def _places(own: Mapping[str, Tensor]) -> list[int]:
    """Where in memory values are: they may have been replaced since."""
    return [tensor.data_ptr() for tensor in own.values()]


def _by_name(every: Sequence[Mapping[str, Tensor]]) -> dict[str, list[Tensor]]:
    return {name: [one[name] for one in every] for name in every[0]}


@torch.no_grad()
def _joined(every: Sequence[Tensor]) -> Tensor:
    """One tensor of all; they become its rows."""
    whole = torch.stack([t.detach() for t in every])
    for tensor, row in zip(every, whole, strict=True):
        tensor.data = row
    return whole


def _masks(covers: Sequence[Mapping[str, Tensor]], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Integers whose bits are those that stay, of what any of the networks covers."""
    names = [name for name in like if any(name in cover for cover in covers)]
    return {
        name: torch.stack(
            [
                cover[name] if name in cover else torch.ones_like(row, dtype=torch.bool)
                for cover, row in zip(covers, like[name], strict=True)
            ]
        )
        .to(INTEGERS[like[name].element_size()])
        .neg_()
        for name in names
    }


def _shared(parts: Sequence[Part | None]) -> Part | None:
    """The part of the data that all have, if it is the same."""
    places = {(t.data_ptr(), t.shape) for part in parts if part for t in tensors(part)}
    return parts[0] if all(parts) and len(places) == 2 else None
