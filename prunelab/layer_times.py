"""Times one layer in every form: checked to answer alike, then in turns, with intervals."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

from prunelab import aside, semi_structured
from prunelab.crossing import (
    AGAIN,
    BLOCKS,
    COMPILED,
    DENSE,
    FILE,
    ONNX,
    ROWS,
    SHRUNK,
    TWO_FOUR,
)
from prunelab.measure.latency import latency

HALF_OF_THEM = 0.5  # the sparsity of 2:4
BLOCK = 16  # weights on a side of a block
NO_COMPILER = "There is no C++ compiler (g++ or clang++) on this machine, which it needs on a CPU."
NO_ONNX = "The packages onnx and onnxruntime are not there: pip install 'prunelab[onnx]'."
Call = Callable[[], Any]


class Layer(NamedTuple):
    """The layer at one sparsity: what is dense, what is left of it, and one batch."""

    weight: Tensor  # with zeros anywhere
    bias: Tensor
    x: Tensor
    sparsity: float

    def dense(self) -> Tensor:
        """What it answers."""
        return linear(self.x, self.weight, self.bias)


def compute(ordered: Mapping[str, Any], tell: aside.Tell) -> dict[str, Any]:
    """Time every form at every sparsity; forms take turns at each."""
    missing: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode(), tempfile.TemporaryDirectory() as tmp:
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", tmp)
            compiled = _compiled(ordered, missing, tell)
            for number, sparsity in enumerate(ordered["sparsities"]):
                tell(
                    f"Timing at {100 * sparsity:g} %",
                    0.2 + 0.8 * number / len(ordered["sparsities"]),
                )
                rows += _timed(made(ordered, sparsity), compiled, missing)
    finally:
        torch.set_num_threads(before)
    if TWO_FOUR not in {row["form"] for row in rows}:
        missing.setdefault(TWO_FOUR, semi_structured.HALF_ALONE)
    return {"order": dict(ordered), "machine": machine(), "missing": missing, "rows": rows}


def made(ordered: Mapping[str, Any], sparsity: float) -> Layer:
    """The layer with zeros at random places, the same every time."""
    chance = torch.Generator().manual_seed(0)
    shape = (ordered["outputs"], ordered["inputs"])
    weight = torch.randn(shape, generator=chance)
    gone = torch.randperm(weight.numel(), generator=chance)[: round(sparsity * weight.numel())]
    weight.view(-1)[gone] = 0.0
    x = torch.randn(ordered["batch"], ordered["inputs"], generator=chance)
    return Layer(weight, torch.randn(shape[0], generator=chance), x, sparsity)


def _timed(layer: Layer, compiled: Any, missing: dict[str, str]) -> list[dict[str, Any]]:
    calls = forms(layer, compiled, missing)
    calls = {DENSE: layer.dense, AGAIN: layer.dense} | calls
    rows = [_row(name, layer, found) for name, found in latency(calls).items()]
    if not torch.cuda.is_available():
        missing[TWO_FOUR] = semi_structured.NO_GPU
    elif layer.sparsity == HALF_OF_THEM:
        found, why = semi_structured.timed(layer.weight, layer.x, latency)
        rows += [_row(name, layer, values) for name, values in found.items()]
        missing |= {TWO_FOUR: why} if why else {}
    return rows


def forms(layer: Layer, compiled: Any, missing: dict[str, str]) -> dict[str, Call]:
    """What to call for each form that works here; each answers as the dense layer does."""
    wide = layer.x.T.contiguous()
    makers: dict[str, Callable[[], tuple[Call, Tensor]]] = {
        ROWS: lambda: _sparse(layer.weight.to_sparse_csr(), layer, wide, layer.dense()),
        BLOCKS: lambda: _blocks(layer, wide),
        SHRUNK: lambda: _shrunk(layer),
        COMPILED: lambda: (
            lambda: compiled(layer.x, layer.weight, layer.bias),
            layer.dense(),
        ),
        ONNX: lambda: (_onnx(layer), layer.dense()),
    }
    found: dict[str, Call] = {}
    for name, make in makers.items():
        if name in missing:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch calls its sparse tensors a beta
                call, wanted = make()
                answer = torch.as_tensor(call())
        except ImportError:
            missing[name] = NO_ONNX
        except RuntimeError as refused:
            missing[name] = f"It does not work here: {str(refused).splitlines()[0][:200]}"
        else:
            answer = answer if answer.shape == wanted.shape else answer.T
            if not torch.allclose(answer, wanted, atol=1e-2, rtol=1e-3):
                missing[name] = semi_structured.OTHER_ANSWERS
            else:
                found[name] = call
    return found


def _sparse(weight: Tensor, layer: Layer, wide: Tensor, wanted: Tensor) -> tuple[Call, Tensor]:
    bias = layer.bias[:, None]
    return lambda: weight @ wide + bias, wanted


def _blocks(layer: Layer, wide: Tensor) -> tuple[Call, Tensor]:
    """As many weights removed, but whole blocks of them."""
    high, width = layer.weight.shape
    if high % BLOCK or width % BLOCK:
        raise RuntimeError(f"Inputs and outputs must be multiples of {BLOCK} for blocks.")
    chance = torch.Generator().manual_seed(0)
    grid = torch.ones(high // BLOCK * (width // BLOCK))
    grid[torch.randperm(len(grid), generator=chance)[: round(layer.sparsity * len(grid))]] = 0
    grid = grid.view(high // BLOCK, -1).repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)
    weight = torch.randn(layer.weight.shape, generator=chance) * grid
    wanted = linear(layer.x, weight, layer.bias)
    return _sparse(weight.to_sparse_bsr((BLOCK, BLOCK)), layer, wide, wanted)


def _shrunk(layer: Layer) -> tuple[Call, Tensor]:
    left = max(1, round((1 - layer.sparsity) * len(layer.weight)))
    weight, bias = layer.weight[:left].contiguous(), layer.bias[:left].contiguous()
    return lambda: linear(layer.x, weight, bias), layer.dense()[:, :left]


def _compiled(ordered: Mapping[str, Any], missing: dict[str, str], tell: aside.Tell) -> Any:
    """The layer translated once; the zeros are in the weight it is given."""
    tell("Compiling", 0.05)
    if not (os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")):
        missing[COMPILED] = NO_COMPILER
        return None
    call, layer = torch.compile(linear, dynamic=False), made(ordered, 0.0)
    try:
        call(layer.x, layer.weight, layer.bias)
    except Exception as refused:  # noqa: BLE001 - whatever a tool chain has to say
        missing[COMPILED] = f"It does not work here: {str(refused).splitlines()[0][:200]}"
    return call


def _onnx(layer: Layer) -> Call:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    values = {"w": layer.weight.T.contiguous().numpy(), "b": layer.bias.numpy()}
    out, batch = layer.weight.shape[0], len(layer.x)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, layer.x.shape[1]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, out])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    versions = [helper.make_opsetid("", 17)]
    model: Any = helper.make_model(graph, opset_imports=versions, ir_version=9)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    given = {"x": layer.x.numpy()}
    return lambda: session.run(None, given)[0]


def _row(form: str, layer: Layer, found: Mapping[str, Any]) -> dict[str, Any]:
    return {"form": form, "sparsity": layer.sparsity, **found}


def machine() -> dict[str, Any]:
    """What it was timed on."""
    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    about = {"system": platform.system(), "processor": processor(), "cores": os.cpu_count()}
    return {**about, "threads": 1, "torch": torch.__version__, **gpu}


def processor() -> str:
    """The name of the processor, as well as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), "") or platform.processor() or platform.machine()


def main(ordered: Mapping[str, Any], folder: Path) -> int:
    """Write times into a folder, and say how far it is."""
    return aside.respond(folder / FILE, "Loading PyTorch", lambda tell: compute(ordered, tell))


if __name__ == "__main__":
    aside.calm()
    sys.exit(main(json.loads(sys.argv[1]), Path(sys.argv[2])))
