"""A pruned network in the form that answers soonest on this machine, found by trying.

Forms that answer as the network does take turns on the same examples. Zeros alone save no time:
sparse storage pays from some sparsity on, which differs by layer, batch and machine.
"""

from __future__ import annotations

import copy
import functools
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from prunelab import imports
from prunelab.experiment import one_thread
from prunelab.export import APART, ONNX, ONNX_RUNTIME, missing_onnx
from prunelab.measure.latency import latency
from prunelab.semi_structured import NO_GPU
from prunelab.spec import SpecError

DENSE, ROWS, TWO_FOUR = "dense", "sparse rows", "2:4"
HALF = "It computes in 16 bits, so its answers are not those of the network."
NO_ROWS = "No layer is faster as sparse rows here."
Clock = Callable[[Mapping[str, Callable[[], object]]], Mapping[str, Mapping[str, Any]]]


class Choice(NamedTuple):
    """The form that won, what each took, and why others were not tried."""

    form: str
    batch: int
    times: Mapping[str, Mapping[str, Any]]  # milliseconds a batch: median, low, high, runs
    sparse: tuple[str, ...]  # layers that are sparse rows, where that form won
    left_out: Mapping[str, str]

    def __str__(self) -> str:
        lines = [f"  fastest here for {self.batch} at a time, one thread: {self.form}"]
        lines += [
            f"    {form}: {t['median']:.3g} ms ({t['low']:.3g} to {t['high']:.3g})"
            for form, t in self.times.items()
        ]
        return "\n".join([*lines, *(f"    {form}: {why}" for form, why in self.left_out.items())])


class Rows(nn.Module):
    """A linear layer that stores and multiplies only the weights that are not zero."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch calls its sparse tensors a beta
            self.weight = layer.weight.detach().to_sparse_csr()
        self.bias = None if layer.bias is None else layer.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """What the dense layer answers, for inputs with any leading dimensions."""
        found = (self.weight @ x.reshape(-1, x.shape[-1]).T).T
        found = found if self.bias is None else found + self.bias
        return found.reshape(*x.shape[:-1], -1)


@torch.inference_mode()
def choose(
    net: nn.Module, x: Tensor, batch: int, onnx: Path | None, clock: Clock = latency
) -> Choice:
    """Time every form that answers as the network does; another than dense must clearly win.

    Clearly: all of the 95 % interval of its median below that of the dense form.
    """
    with one_thread():
        some, wanted = x[:batch], net.eval()(x)
        sparse = _sparse(net, some, clock)
        made: dict[str, Callable[[Tensor], Tensor]] = {DENSE: net}
        left_out = {TWO_FOUR: HALF if torch.cuda.is_available() else NO_GPU}
        if sparse:
            made[ROWS] = with_rows(net, sparse)
        else:
            left_out[ROWS] = NO_ROWS
        if onnx is not None:
            made[ONNX_RUNTIME] = session(onnx)
        else:
            left_out[ONNX_RUNTIME] = missing_onnx() or "It was not asked for."
        for form, call in list(made.items()):
            apart = float((call(x) - wanted).abs().max())
            if not apart <= APART:
                left_out[form] = f"It differs from the network by {apart:.1e}."
                del made[form]
        times = clock({form: functools.partial(call, some) for form, call in made.items()})
    winner = min(times, key=lambda form: times[form]["median"])
    if times[winner]["high"] >= times[DENSE]["low"]:
        winner = DENSE
    return Choice(winner, len(some), times, tuple(sparse) if winner == ROWS else (), left_out)


def load(folder: Path | str) -> Callable[[Tensor], Tensor]:
    """The network of an export in the form that won where it was written.

    Raises:
        SpecError: not an export of the fastest form, changed since, or packages are missing.
    """
    from prunelab.artefacts import load_model

    home = imports.bring(folder)
    told = imports.read_json(home / imports.LIST).get("fastest")
    match told:
        case {"form": str(form), "sparse": list(sparse)}:
            net: nn.Module = load_model(home)
            return _as_onnx(net, home) if form == ONNX_RUNTIME else with_rows(net, sparse)
    raise SpecError(f"{str(folder)!r} names no fastest form: export it with --form fastest.")


def with_rows(net: nn.Module, names: list[str]) -> nn.Module:
    """A copy with these linear layers as sparse rows.

    Raises:
        SpecError: one of them is no linear layer of the network.
    """
    made, layers = copy.deepcopy(net), dict(net.named_modules())
    for name in names:
        layer = layers.get(name)
        if not isinstance(layer, nn.Linear):
            raise SpecError(f"The network has no linear layer {name!r}.")
        made.set_submodule(name, Rows(layer))
    return made


def session(path: Path) -> Callable[[Tensor], Tensor]:
    """What onnxruntime computes with a file, one thread."""
    from prunelab import onnx_file

    running = onnx_file.session(path)
    return lambda x: torch.from_numpy(running.run(None, {"x": x.numpy()})[0])


def _as_onnx(net: nn.Module, home: Path) -> Callable[[Tensor], Tensor]:
    """Written anew from the network: an ONNX file that somebody gave is never read."""
    from prunelab import onnx_file

    if missing := missing_onnx():
        raise SpecError(missing)
    shape = tuple(imports.architecture(home)["shape"])
    with tempfile.TemporaryDirectory() as scratch:
        onnx_file.write(net, onnx_file.inputs(shape, 2, None), Path(scratch) / ONNX)
        return session(Path(scratch) / ONNX)


def _sparse(net: nn.Module, some: Tensor, clock: Clock) -> list[str]:
    """Linear layers beyond their break-even: as sparse rows each is faster by itself."""
    found = []
    for name, (layer, x) in _inputs(net, some).items():
        calls = {DENSE: functools.partial(layer, x), ROWS: functools.partial(Rows(layer), x)}
        times = clock(calls)
        if times[ROWS]["high"] < times[DENSE]["low"]:
            found.append(name)
    return found


def _inputs(net: nn.Module, some: Tensor) -> dict[str, tuple[nn.Linear, Tensor]]:
    """Linear layers most of whose weights are zero, with what comes in there."""
    seen: dict[str, tuple[nn.Linear, Tensor]] = {}

    def hook(name: str) -> Callable[..., None]:
        return lambda layer, given: seen.__setitem__(name, (layer, given[0]))

    handles = [
        module.register_forward_pre_hook(hook(name))
        for name, module in net.named_modules()
        if name and type(module) is nn.Linear and (module.weight == 0).float().mean() > 0.5
    ]
    try:
        net(some)
    finally:
        for handle in handles:
            handle.remove()
    return seen
