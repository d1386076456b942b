"""What a network computes while it trains: with what the method and the cover make of it."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from prunelab.course import Course
from prunelab.cover import Cover, apply, standing_in
from prunelab.probes import weights


@contextmanager
def as_seen(
    net: nn.Module, cover: Cover, course: Course, names: Mapping[str, str]
) -> Iterator[None]:
    """Inside, the network computes what the method and the cover make of it.

    ``names`` are those of the prunable parameters by layer.
    """
    values = cover.seen(dict(net.named_parameters())) if cover.latent else {}
    if course.seen:
        values |= {names[layer]: tensor for layer, tensor in course.seen().items()}
    with standing_in(net, values), _rewired(net, course):
        yield


@contextmanager
def _rewired(net: nn.Module, course: Course) -> Iterator[None]:
    """Inside, some layers compute what the method says instead of their own forward."""
    layers = {name: net.get_submodule(name) for name in course.forward}
    for name, layer in layers.items():
        layer.__dict__["forward"] = functools.partial(course.forward[name], layer)
    try:
        yield
    finally:
        for layer in layers.values():
            del layer.__dict__["forward"]


@torch.no_grad()
def shown(net: nn.Module, cover: Cover, course: Course) -> nn.Module:
    """The network as it counts: itself, or a copy with the weights that the method evaluates."""
    if not cover.latent and not course.shown:
        return net
    seen = copy.deepcopy(net)
    if course.shown:
        found = weights(seen)
        for layer, values in course.shown().items():
            found[layer].copy_(values)
    apply(seen, Cover(cover.parameters))
    return seen
