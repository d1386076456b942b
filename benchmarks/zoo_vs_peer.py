"""Surgery on the zoo of the tests: what is offered, what is exact; ours and torch-pruning's.

python benchmarks/zoo_vs_peer.py [--write]   (in an environment that also has torch-pruning 1.6.1)

Of every group a random part goes, five times. The law is the same for both: the small network must
answer as the large one with zeros in what the group itself says it removes, in float64. A group of
the peer that would change the shape of the answers is not counted. Each network has a process of
its own and a minute for it.
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from written import put

ROOT = Path(__file__).parents[1]
MASKS, LIMIT, EXACT = 5, 60.0, 1e-9


class Row(NamedTuple):
    """What came of one network and one library."""

    groups: int = 0
    exact: int = 0
    wrong: int = 0
    fails: int = 0
    said: str = ""


def main() -> None:
    """Print the table, or write it where it is shown."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    asked.add_argument("--write", action="store_true")
    given = asked.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    lines = ["| network | ours: groups | exact | peer: groups | exact | wrong | fail |"]
    lines += ["|---|---|---|---|---|---|---|"]
    sums = [0] * 6
    for name in networks():
        ours, peer = apart_from_us(_ours, name), apart_from_us(_peer, name)
        cells = [ours.groups, ours.exact, peer.groups, peer.exact, peer.wrong, peer.fails]
        sums = [a + b for a, b in zip(sums, cells, strict=True)]
        lines.append(f"| {name} | {ours.groups} | {ours.exact} | {_cells(peer)} |")
        print(lines[-1], ours.said, peer.said, file=sys.stderr)
    lines.append("| **all** | " + " | ".join(f"**{n}**" for n in sums) + " |")
    text = "\n".join(lines)
    print(text)
    if given.write:
        put("structured.md", "zoo", text)


def _cells(row: Row) -> str:
    if row.said:
        return f"{row.said} | | |"
    return f"{row.groups} | {row.exact} | {row.wrong} | {row.fails}"


def networks() -> list[str]:
    """All networks of the tests by name."""
    from architectures import NETS
    from test_zoo import ZOO

    return [*NETS, *(f"transformers {name}" for name in ZOO)]


def built(name: str) -> tuple[nn.Module, Any]:
    """A network and an example for it, in float64."""
    from architectures import NETS, awake
    from test_zoo import ZOO

    torch.manual_seed(0)
    if name in NETS:
        return awake(NETS[name][0]()), torch.randn(3, 1, 8, 8, dtype=torch.float64)
    make, example, *_ = ZOO[name.removeprefix("transformers ")]
    given = {k: v.double() if v_floats(v) else v for k, v in example.items()}
    return make().double().eval(), given


def v_floats(value: object) -> bool:
    """Whether it is a tensor of floats."""
    return isinstance(value, Tensor) and value.is_floating_point()


def apart_from_us(work: Any, name: str) -> Row:
    """What ``work`` finds of a network, in a process that may hang or die."""
    there, here = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_told, args=(work, name, here))
    process.start()
    try:
        if there.poll(LIMIT):
            told: Row = there.recv()
            return told
        return Row(said=f"not done in {LIMIT:.0f} s")
    except EOFError:
        return Row(said="the process died")
    finally:
        process.kill()
        process.join()


def _told(work: Any, name: str, pipe: Any) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # the peer tells every parameter of no layer
    try:
        pipe.send(work(name))
    except Exception as problem:  # noqa: BLE001 - a library may fail in any way
        pipe.send(Row(said=f"no graph ({type(problem).__name__})"))


def _ours(name: str) -> Row:
    from prunelab.surgery import apart, cover, plan, shrink, zero

    net, example = built(name)
    found, exact = plan(net, example), 0
    for c in found.classes:
        errors = []
        for seed in range(MASKS):
            masks = {c.name: _stays(c.size, seed)}
            masked = copy.deepcopy(net)
            zero(masked, cover(found, masked, masks))
            errors.append(apart(masked, shrink(found, net, masks), example))
        exact += max(errors) <= EXACT
    return Row(len(found.classes), exact, len(found.classes) - exact)


def _peer(name: str) -> Row:
    net, example = built(name)
    many = len(_groups(*_graph(net, example)))
    told = {"exact": 0, "wrong": 0, "fails": 0, "": 0}
    for number in range(many):
        outcomes = {_outcome(name, number, seed) for seed in range(MASKS)}
        told[next(o for o in ("", "fails", "wrong", "exact") if o in outcomes)] += 1
    return Row(many - told[""], told["exact"], told["wrong"], told["fails"])


def _graph(net: nn.Module, example: Any) -> tuple[Any, nn.Module]:
    import torch_pruning  # a peer for this comparison alone, no requirement

    graph = torch_pruning.DependencyGraph()
    return graph.build_dependency(net, example_inputs=example), net


def _groups(graph: Any, net: nn.Module) -> list[Any]:
    return list(graph.get_all_groups())


def _outcome(name: str, number: int, seed: int) -> str:
    """Of one removal: exact, wrong, fails; or nothing where the answers change their shape."""
    net, example = built(name)
    graph, _ = _graph(net, example)
    group = _groups(graph, net)[number]
    root = group[0].dep
    size = len(group[0].idxs)
    if size < 2:
        return ""
    gone = (~_stays(size, seed)).nonzero().flatten().tolist()
    dense = _run(net.eval(), example)
    masked = copy.deepcopy(net).eval()
    names = {module: name for name, module in net.named_modules()}
    parameters = {id(p): name for name, p in net.named_parameters()}
    try:
        chosen = graph.get_pruning_group(root.target.module, root.handler, gone)
        removed = [(_named(dep, names, parameters), dep, idxs) for dep, idxs in chosen]
        chosen.prune()
        small = _run(net.eval(), example)
    except Exception:  # noqa: BLE001 - a removal may fail in any way
        return "fails"
    if small.shape != dense.shape:
        return ""
    try:
        _zeroed(masked, graph, removed)
    except IndexError:
        return "wrong"  # it says it removes what is not there
    wanted = _run(masked, example)
    return "exact" if float((small - wanted).abs().max()) <= EXACT else "wrong"


@torch.no_grad()
def _zeroed(masked: nn.Module, graph: Any, group: Sequence[Any]) -> None:
    """Zeros in the parameters of a copy that the group has removed."""
    copies, parameters = dict(masked.named_modules()), dict(masked.named_parameters())
    for name, dep, idxs in group:
        if name in parameters:  # of no layer: the peer takes its last axis with more than one
            axis = max(d for d, size in enumerate(parameters[name].shape) if size > 1)
            parameters[name].movedim(axis, 0)[idxs] = 0
            continue
        layer: Any = copies.get(name)
        weight = getattr(layer, "weight", None)
        if layer is None or not isinstance(weight, Tensor):
            continue
        ins = graph.is_in_channel_pruning_fn(dep.handler)
        one_each = weight.ndim == 1 or getattr(layer, "groups", 1) == weight.shape[0]
        flipped = getattr(layer, "transposed", False) or isinstance(layer, nn.Embedding)
        axis = 0 if one_each else int(ins != flipped)
        if ins and getattr(layer, "groups", 1) > 1 and not one_each:
            continue  # the columns of a grouped layer belong to several groups at once
        weight.movedim(axis, 0)[idxs] = 0
        if (one_each or not ins) and getattr(layer, "bias", None) is not None:
            layer.bias[idxs] = 0


def _named(dep: Any, names: Any, parameters: Any) -> str:
    """The layer or parameter that a step of a group is about; some have no name."""
    target = dep.target.module
    if isinstance(target, nn.Parameter):
        return str(parameters[id(target)])
    return str(names.get(target, "-"))


@torch.no_grad()
def _run(net: nn.Module, example: Any) -> Tensor:
    """The first tensor of what a network answers."""
    out = net(**example) if isinstance(example, dict) else net(example)
    found: Tensor = out if isinstance(out, Tensor) else out[0]
    return found


def _stays(size: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(size, generator=generator) < 0.6
    mask[seed % size] = True
    mask[(seed + 1) % size] = False
    return mask


if __name__ == "__main__":
    main()
