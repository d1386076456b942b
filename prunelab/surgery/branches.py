"""Residual modules: what they add to the stream that passes them, and the network without them."""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from prunelab.surgery.trace import call, quietly, tensors

_ADDS = {torch.ops.aten.add.Tensor, torch.ops.aten.add_.Tensor}


class Flow(NamedTuple):
    """The stream before a residual module, and what the module adds to it."""

    before: Tensor
    added: Tensor


class Visit(NamedTuple):
    """One call of a module."""

    args: Any
    kwargs: Any
    x: Tensor
    out: Any


class Nothing(nn.Module):
    """Answers zeros of the shape of its input: a residual module that adds nothing."""

    def __init__(self, answers: int) -> None:
        super().__init__()
        self.answers = answers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Zeros, and None for whatever else was answered."""
        zeros = torch.zeros_like(tensors((args, kwargs))[0])
        return zeros if self.answers == 1 else (zeros, *[None] * (self.answers - 1))


def branches(net: nn.Module, example: Any) -> dict[str, bool]:
    """The residual modules of a network in order, and whether their answer is added to the stream.

    Those whose answer is added to what they, or a norm before them, were given; beside them the
    smallest that hand their input on when all their parameters are zero, as blocks of a ResNet do.
    A module that runs twice, or shares parameters with another part, is none.
    """
    copied, visits, flows = _watched(net, example)
    adding = [name for name in flows if _answers_zero(copied, name, visits[name])]
    around = [n for n in visits if n and not any(_one_in_other(n, a) for a in adding)]
    blocks = [n for n in around if _hands_on(copied, n, visits[n])]
    blocks = [n for n in blocks if not any(other.startswith(n + ".") for other in blocks)]
    found = {*adding, *blocks}
    return {n: n in adding for n in visits if n in found and _own(net, n)}


def flows(net: nn.Module, example: Any, names: Collection[str]) -> dict[str, Flow]:
    """The stream before each of these residual modules, and what it adds, on some inputs."""
    _, visits, adding = _watched(net, example)
    return {
        n: adding[n] if n in adding else Flow(visits[n].x, visits[n].out - visits[n].x)
        for n in names
    }


def without(net: nn.Module, example: Any, names: Collection[str]) -> nn.Module:
    """A copy of a network in which these residual modules are gone."""
    _, visits, adding = _watched(net, example)
    small = copy.deepcopy(net)
    for name in names:
        out = visits[name].out
        count = len(out) if isinstance(out, tuple) else 1
        small.set_submodule(name, Nothing(count) if name in adding else nn.Identity())
    return small


class _Watch(TorchDispatchMode):
    """Notes the calls of modules, and which answers are added to the stream."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.visits: defaultdict[str, list[Visit]] = defaultdict(list)
        self.flows: dict[str, Flow] = {}
        self._under: dict[int, Tensor] = {}  # by what a norm puts out, what it was given
        self._ends: defaultdict[int, list[str]] = defaultdict(list)
        self.hooks = [
            module.register_forward_hook(self._after(name), with_kwargs=True)
            for name, module in net.named_modules()
        ]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def _after(self, name: str) -> Any:
        def hook(module: nn.Module, args: Any, kwargs: Any, out: Any) -> None:
            given, made = tensors((args, kwargs)), tensors(out)
            if not given or not made or given[0].shape != made[0].shape:
                return
            self.visits[name].append(Visit(args, kwargs, given[0], out))
            self._ends[id(made[0])].append(name)
            if type(module).__name__.endswith("Norm"):
                self._under[id(made[0])] = given[0]

        return hook

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if func in _ADDS and isinstance(args[1], Tensor):
            for answer, stream in (args[:2], args[1::-1]):
                for name in self._ends.get(id(answer), ()):
                    x = self.visits[name][-1].x
                    if any(stream is s for s in (x, self._under.get(id(x)))):
                        self.flows[name] = Flow(stream.clone(), answer.clone())
        return func(*args, **(kwargs or {}))


def _watched(net: nn.Module, example: Any) -> tuple[nn.Module, dict[str, Visit], dict[str, Flow]]:
    copied = copy.deepcopy(net).eval()
    with quietly(), _Watch(copied) as watch:
        call(copied, example)
    for hook in watch.hooks:
        hook.remove()
    times = Counter({name: len(visits) for name, visits in watch.visits.items()})
    once = {name: v[0] for name, v in watch.visits.items() if times[name] == 1}
    order = [name for name, _ in copied.named_modules() if name in once]
    return (
        copied,
        {name: once[name] for name in order},
        {name: watch.flows[name] for name in order if name in watch.flows},
    )


def _answers_zero(net: nn.Module, name: str, visit: Visit) -> bool:
    return not tensors(_silent(net, name, visit))[0].count_nonzero()


def _hands_on(net: nn.Module, name: str, visit: Visit) -> bool:
    module = net.get_submodule(name)
    if not any(True for _ in module.children()) or not any(True for _ in module.parameters()):
        return False
    out = _silent(net, name, visit)
    return isinstance(out, Tensor) and torch.equal(out, visit.x)


def _silent(net: nn.Module, name: str, visit: Visit) -> Any:
    """What a module answers with all its parameters zero."""
    module = copy.deepcopy(net.get_submodule(name))
    with quietly():
        for parameter in module.parameters():
            parameter.zero_()
        return module(*visit.args, **visit.kwargs)


def _own(net: nn.Module, name: str) -> bool:
    """Whether no other part of the network has parameters of this module."""
    mine = {id(p) for p in net.get_submodule(name).parameters()}
    return bool(mine) and not any(mine & set(ids) for ids in _others(net, name))


def _others(net: nn.Module, name: str) -> Iterator[list[int]]:
    for other, module in net.named_modules(remove_duplicate=False):
        if not (other == name or other.startswith(name + ".")):
            yield [id(p) for p in module._parameters.values() if p is not None]


def _one_in_other(one: str, other: str) -> bool:
    return one == other or one.startswith(other + ".") or other.startswith(one + ".")
