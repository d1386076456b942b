"""What a causal language model is made of: its blocks, and the MLP in each, whatever the family."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from prunelab.spec import SpecError
from prunelab.surgery.cut import TRANSPOSED, describe, select

# gate (or none), up, down, by the names each family gives them; and where the config has the width.
MLPS = (
    ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),  # Llama, Mistral, Qwen
    ("", "mlp.c_fc", "mlp.c_proj"),  # GPT-2
    ("", "fc1", "fc2"),  # OPT
    ("", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),  # GPT-NeoX
)
WIDTHS = ("intermediate_size", "ffn_dim", "n_inner")
DEPTHS = ("num_hidden_layers", "n_layer")


class Mlp(NamedTuple):
    """The linear layers of an MLP; ``gate`` is None where there is none."""

    gate: nn.Module | None
    up: nn.Module
    down: nn.Module

    @property
    def neurons(self) -> int:
        """How many channels lie between up and down."""
        return len(matrix(self.up))


def blocks(model: Any) -> nn.ModuleList:
    """The decoder blocks, in order.

    Raises:
        SpecError: a model that has none.
    """
    lists = [m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m)]
    found = [m for m in lists if any(_named(m[0], *names) for names in MLPS)]
    if not found:
        raise SpecError(
            f"{type(model).__name__} has no decoder blocks with an MLP known here (Llama, Mistral, "
            f"Qwen, GPT-2, OPT and GPT-NeoX have)."
        )
    return max(found, key=len)


def mlp(block: nn.Module) -> Mlp:
    """The MLP of a block that ``blocks`` gave.

    Raises:
        SpecError: a block without one, as among blocks of experts.
    """
    for names in MLPS:
        if found := _named(block, *names):
            return found
    raise SpecError(f"A {type(block).__name__} of this model has no MLP known here.")


def linears(block: nn.Module) -> dict[str, nn.Module]:
    """The linear layers of a block by name."""
    return {
        name: layer
        for name, layer in block.named_modules()
        if isinstance(layer, nn.Linear) or type(layer).__name__ == TRANSPOSED
    }


def matrix(layer: nn.Module) -> Tensor:
    """The weight of a linear layer as (outputs, inputs): a view, so that it can be written to."""
    weight: Any = layer.weight
    found: Tensor = weight.detach()
    return found.T if type(layer).__name__ == TRANSPOSED else found


def readable(model: Any, ids: Tensor, length: int) -> None:
    """Refuse tokens the model does not have, and more of them at once than it has positions for.

    Raises:
        SpecError: either.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < rows:
        raise SpecError(
            f"Tokens must be from 0 to {rows - 1}, got {int(ids.min())} to {int(ids.max())}: they "
            f"are of another vocabulary. Take the tokenizer that the model was trained with."
        )
    most = getattr(model.config, "max_position_embeddings", None) or length
    if length > most:
        raise SpecError(
            f"The model reads at most {most} tokens at once, got {length}. Take shorter sequences."
        )


@torch.no_grad()
def remove_neurons(model: Any, stays: list[Tensor]) -> None:
    """Cut the MLP channels that are False out of every block, and say so in the config.

    Raises:
        SpecError: blocks that would keep different numbers of them, which no config can say.
    """
    kept = {int(s.sum()) for s in stays}
    if len(kept) > 1:
        raise SpecError(
            f"Every block must keep as many neurons as the others, got {min(kept)} to {max(kept)}: "
            f"the config has one number for all."
        )
    for block, mask in zip(blocks(model), stays, strict=True):
        found, index = mlp(block), mask.nonzero().flatten()
        for layer in (found.gate, found.up):
            if layer is not None:
                cut(layer, index.to(matrix(layer).device), outputs=True)
        cut(found.down, index.to(matrix(found.down).device), outputs=False)
        inner: Any = block.get_submodule("mlp") if hasattr(block, "mlp") else block
        if hasattr(inner, "intermediate_size"):
            inner.intermediate_size = kept.copy().pop()
    _tell(model.config, WIDTHS, kept.pop())


def remove_blocks(model: Any, stays: list[bool]) -> None:
    """Take whole blocks out, number the others anew, and say so in the config.

    Raises:
        SpecError: none would stay.
    """
    if not any(stays):
        raise SpecError("At least one block must stay.")
    found = blocks(model)
    kept = [block for block, stay in zip(found, stays, strict=True) if stay]
    holder: Any = next(m for m in model.modules() if found in m.children())
    name = next(n for n, child in holder.named_children() if child is found)
    setattr(holder, name, nn.ModuleList(kept))
    for number, block in enumerate(kept):
        for part in block.modules():
            if hasattr(part, "layer_idx"):
                part.layer_idx = number  # type: ignore[assignment]
    _tell(model.config, DEPTHS, len(kept))
    if types := getattr(model.config, "layer_types", None):
        model.config.layer_types = [t for t, stay in zip(types, stays, strict=True) if stay]


def cut(layer: Any, index: Tensor, *, outputs: bool) -> None:
    """Keep some of a linear layer's outputs, or of its inputs."""
    stays = index.tolist()
    dim = int(outputs == (type(layer).__name__ == TRANSPOSED))
    layer.weight = select("the weight", layer.weight, [*[None] * dim, stays])
    if outputs and layer.bias is not None:
        layer.bias = select("the bias", layer.bias, [stays])
    describe(layer)


def _tell(config: Any, names: tuple[str, ...], value: int) -> None:
    name = next(n for n in names if hasattr(config, n))
    setattr(config, name, value)


def _named(block: nn.Module, gate: str, up: str, down: str) -> Mlp | None:
    known = dict(block.named_modules())
    if up not in known or down not in known or (gate and gate not in known):
        return None
    return Mlp(known[gate] if gate else None, known[up], known[down])
