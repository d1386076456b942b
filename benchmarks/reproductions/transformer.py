"""A transformer small enough to pretrain in a minute: 16 tokens, two blocks, 18,272 weights."""

from __future__ import annotations

import functools
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from prunelab.registry import model

PATCH, WIDTH, HEADS, HIDDEN, BLOCKS = 7, 32, 4, 64, 2
ENCODER = tuple(
    f"block{n}.{layer}" for n in range(1, BLOCKS + 1) for layer in ("mix", "out", "up", "down")
)


class Patches(nn.Module):
    """An image as tokens: squares of pixels through one linear layer, and where they are."""

    def __init__(self, channels: int, tokens: int) -> None:
        super().__init__()
        self.embed = nn.Linear(channels * PATCH * PATCH, WIDTH)
        self.place = nn.Parameter(0.02 * torch.randn(tokens, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """Images (n, channels, h, w) to tokens (n, tokens, width)."""
        squares = nn.functional.unfold(x, PATCH, stride=PATCH).transpose(1, 2)
        return self.embed(squares) + self.place


class Block(nn.Module):
    """Attention and a perceptron, each after a normalisation and beside a shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.mix, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens to tokens."""
        n, tokens, _ = x.shape
        parts = self.mix(self.first(x)).reshape(n, tokens, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        seen = scaled_dot_product_attention(*parts).transpose(1, 2).reshape(n, tokens, -1)
        x = x + self.out(seen)
        return x + self.down(nn.functional.gelu(self.up(self.second(x))))


class Mean(nn.Module):
    """The mean over the tokens."""

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (n, tokens, width) to (n, width)."""
        return x.mean(1)


@functools.cache
def shelve() -> str:
    """Put the transformer on the shelf of models; its name there."""

    @model(
        traits={"network"},
        needs={"images"},
        small=False,
        optimizer="adam",
        lr=1e-3,
        batch_size=100,
        weight_decay=0.0,
    )
    def tiny_transformer(shape: tuple[int, ...], classes: int) -> nn.Module:
        """A vision transformer of two blocks of width 32."""
        tokens = (shape[1] // PATCH) * (shape[2] // PATCH)
        blocks = OrderedDict((f"block{n}", Block()) for n in range(1, BLOCKS + 1))
        return nn.Sequential(
            OrderedDict(
                patches=Patches(shape[0], tokens),
                **blocks,
                norm=nn.LayerNorm(WIDTH),
                mean=Mean(),
                head=nn.Linear(WIDTH, classes),
            )
        )

    return "tiny-transformer"
