"""Layers whose code has numbers that cannot follow a removal, and what stands in for them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Heads(nn.MultiheadAttention):
    """PyTorch's multi-head attention, by the same parameters, for as many heads as they hold."""

    def forward(  # noqa: PLR0913 - the arguments of the layer it stands in for
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend as ``nn.MultiheadAttention`` does."""
        flip = query.ndim == 3 and not self.batch_first
        given = [x.transpose(0, 1) if flip else x for x in (query, key, value)]
        q, k, v = map(self._cut, given, self._weights(), self._biases())
        scores = q @ k.mT / math.sqrt(self.head_dim)
        for mask in (_of_scores(attn_mask, scores), _of_keys(key_padding_mask)):
            if mask is not None:
                scores = scores.masked_fill(mask, -math.inf) if _bools(mask) else scores + mask
        weights = F.dropout(scores.softmax(-1), self.dropout, self.training)
        out = self.out_proj((weights @ v).transpose(-3, -2).flatten(-2))
        out = out.transpose(0, 1) if flip else out
        if not need_weights:
            return out, None
        return out, weights.mean(-3) if average_attn_weights else weights

    def _cut(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        made = F.linear(x, weight, bias)
        return made.view(*made.shape[:-1], -1, self.head_dim).transpose(-3, -2)

    def _weights(self) -> Any:
        if self.in_proj_weight is not None:
            return self.in_proj_weight.chunk(3)
        return self.q_proj_weight, self.k_proj_weight, self.v_proj_weight

    def _biases(self) -> Any:
        return (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)


def adapt(net: nn.Module) -> None:
    """Let stand-ins take the place of layers, in place; parameters and their names stay."""
    for layer in net.modules():
        if (
            type(layer) is nn.MultiheadAttention
            and layer.bias_k is None
            and not layer.add_zero_attn
        ):
            layer.__class__ = Heads
            layer._qkv_same_embed_dim = False  # or an encoder's fused path goes round our forward


def _of_scores(mask: Tensor | None, scores: Tensor) -> Tensor | None:
    one_each = mask is not None and mask.ndim == 3 and scores.ndim == 4
    return mask.view(len(scores), -1, *mask.shape[1:]) if one_each else mask  # type: ignore[union-attr]


def _of_keys(mask: Tensor | None) -> Tensor | None:
    return None if mask is None else mask[..., None, None, :]


def _bools(mask: Tensor) -> bool:
    return mask.dtype == torch.bool
