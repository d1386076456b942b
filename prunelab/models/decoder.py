"""A small language model: a decoder that predicts the next token from those before it."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prunelab.registry import Range, model
from prunelab.spec import SpecError

Style = Literal["gpt", "llama"]
BASE = 10_000.0  # of the rotary angles


@model(
    traits={"network", "language model"},
    needs={"text"},
    small=False,
    lr=3e-3,
    batch_size=32,
    optimizer="adam",
    weight_decay=0.0,
)
def decoder(
    shape: tuple[int, ...],
    classes: int,
    *,
    style: Annotated[Style, "gpt: plain; llama: gated, rotary, grouped queries"] = "llama",
    width: Annotated[int, Range(8, 1024, 8), "numbers that stand for a token"] = 64,
    blocks: Annotated[int, Range(1, 24), "blocks of attention and MLP"] = 2,
    heads: Annotated[int, Range(1, 32), "attention heads of a block"] = 4,
    neurons: Annotated[int, Range(4, 8192, 4), "neurons of each MLP"] = 192,
) -> nn.Module:
    """A decoder-only transformer of your size, in the style of GPT or of Llama.

    ``gpt``: LayerNorm, learned positions, GELU. ``llama``: RMSNorm, rotary positions, two queries
    to a key where the heads allow, a gated MLP. The output shares its weights with the embedding.
    Answers (n, tokens, positions) logits.
    """
    if width % heads or (style == "llama" and width // heads % 2):
        raise SpecError(
            f"width must be heads × an even number, got width {width} and {heads} heads."
        )
    return Decoder(shape[0], classes, style, width, blocks, heads, neurons)


class Decoder(nn.Module):
    """Embedding, blocks, a norm, and logits by the embedding again."""

    def __init__(
        self,
        window: int,
        tokens: int,
        style: Style,
        width: int,
        blocks: int,
        heads: int,
        neurons: int,
    ) -> None:
        super().__init__()
        self.token = nn.Embedding(tokens, width)
        self.place = nn.Embedding(window, width) if style == "gpt" else None
        self.blocks = nn.ModuleList(Block(style, width, heads, neurons) for _ in range(blocks))
        self.norm = _norm(style, width)
        nn.init.normal_(self.token.weight, std=0.02 if style == "gpt" else width**-0.5)
        if self.place is not None:
            nn.init.normal_(self.place.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, tokens, positions) of token numbers (n, positions)."""
        h = self.token(x.long())
        if self.place is not None:
            h = h + self.place.weight[: x.shape[1]]
        for block in self.blocks:
            h = block(h)
        return F.linear(self.norm(h), self.token.weight).transpose(1, 2)


class Block(nn.Module):
    """Attention, then an MLP; each adds to what goes by."""

    def __init__(self, style: Style, width: int, heads: int, neurons: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = _norm(style, width), _norm(style, width)
        self.attention = Attention(style, width, heads)
        self.mlp = Gated(width, neurons) if style == "llama" else Plain(width, neurons)

    def forward(self, h: Tensor) -> Tensor:
        """Numbers of each token, (n, positions, width), in and out."""
        h = h + self.attention(self.norm1(h))
        out: Tensor = h + self.mlp(self.norm2(h))
        return out


class Attention(nn.Module):
    """Causal attention; in the Llama style rotary, and two queries share a key and a value."""

    def __init__(self, style: Style, width: int, heads: int) -> None:
        super().__init__()
        rotary = style == "llama"
        self.size = width // heads
        self.shared = 2 if rotary and heads % 2 == 0 else 1
        inner = width // self.shared
        self.query = nn.Linear(width, width, bias=not rotary)
        self.key = nn.Linear(width, inner, bias=not rotary)
        self.value = nn.Linear(width, inner, bias=not rotary)
        self.out = nn.Linear(width, width, bias=not rotary)
        self.rotary = rotary

    def forward(self, h: Tensor) -> Tensor:
        """What each token takes from those before it."""
        q, k, v = (
            layer(h).unflatten(-1, (-1, self.size)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        if self.rotary:
            q, k = _turned(q), _turned(k)
        if self.shared > 1:
            k, v = (t.repeat_interleave(self.shared, dim=1) for t in (k, v))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        out: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return out


class Plain(nn.Module):
    """Up, GELU, down."""

    def __init__(self, width: int, neurons: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, neurons), nn.Linear(neurons, width)

    def forward(self, h: Tensor) -> Tensor:
        """Each token by itself."""
        out: Tensor = self.down(F.gelu(self.up(h)))
        return out


class Gated(nn.Module):
    """Up times an activated gate, down."""

    def __init__(self, width: int, neurons: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, neurons, bias=False)
        self.up = nn.Linear(width, neurons, bias=False)
        self.down = nn.Linear(neurons, width, bias=False)

    def forward(self, h: Tensor) -> Tensor:
        """Each token by itself."""
        out: Tensor = self.down(F.silu(self.gate(h)) * self.up(h))
        return out


def _norm(style: Style, width: int) -> nn.Module:
    return nn.LayerNorm(width) if style == "gpt" else nn.RMSNorm(width, eps=1e-6)


def _turned(x: Tensor) -> Tensor:
    """Rotary positions: pairs of numbers turned by an angle that grows with the position."""
    half = x.shape[-1] // 2
    speed = BASE ** (-torch.arange(half, device=x.device, dtype=x.dtype) / half)
    angle = torch.arange(x.shape[-2], device=x.device, dtype=x.dtype)[:, None] * speed
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], dim=-1)
