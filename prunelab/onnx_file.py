"""Networks as ONNX files, and what onnxruntime computes with them."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from prunelab.spec import SpecError


def inputs(shape: tuple[int, ...], count: int, known: NDArray[np.float32] | None) -> Tensor:
    """So many inputs: of the data, or random ones where those are not at hand."""
    if known is not None and known.shape[1:] == shape and len(known):
        return torch.from_numpy(np.ascontiguousarray(known[:count]))
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(0))


def write(net: nn.Module, examples: Tensor, path: Path) -> None:
    """Write a network as one ONNX file; the number of examples is free.

    Raises:
        SpecError: the network uses something that ONNX does not have.
    """
    batch = torch.export.Dim("batch", min=1)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter about its own parts
            torch.onnx.export(
                net.eval(),
                (examples[:2],),
                path,
                input_names=["x"],
                output_names=["scores"],
                dynamic_shapes=({0: batch},),
                external_data=False,
                dynamo=True,
                verbose=False,
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:300]
        raise SpecError(f"The network cannot be written as ONNX: {reason}") from error
    _strip(path)


def apart(net: nn.Module, examples: Tensor, path: Path) -> float:
    """The largest difference between what the network and what onnxruntime computes."""
    with torch.inference_mode():
        wanted = net.eval()(examples).numpy()
    found = session(path).run(None, {"x": examples.numpy()})[0]
    return float(np.abs(found - wanted).max())


def session(path: Path) -> Any:
    """What runs a file, with one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _strip(path: Path) -> None:
    """Leave out where each line of code was: half of a small file, and paths of this machine."""
    import onnx

    model = onnx.load(path)
    graph = model.graph
    lists = (graph.node, graph.initializer, graph.value_info, graph.input, graph.output)
    for part in (model, graph, *model.functions, *(item for one in lists for item in one)):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    onnx.save(model, path)
