"""A small vision transformer."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from prunelab.registry import Range, model
from prunelab.spec import SpecError

SIDE = 4  # patches a side, whatever the size of the images


class Attention(nn.Module):
    """Every patch gathers from all patches, in several heads apart."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.size = width // heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Patches (n, patches, width) to the same shape."""
        n, patches, _ = x.shape
        query, key, value = self.qkv(x).view(n, patches, 3, -1, self.size).permute(2, 0, 3, 1, 4)
        weights = (query @ key.mT / math.sqrt(self.size)).softmax(-1)
        return self.out((weights @ value).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention, then two layers for each patch by itself; each adds to the stream."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Patches (n, patches, width) to the same shape."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Patches of an image, a learned place for each, blocks, the mean over patches."""

    def __init__(
        self, shape: tuple[int, ...], classes: int, *, width: int, heads: int, blocks: int
    ) -> None:
        super().__init__()
        patch = tuple(math.ceil(side / SIDE) for side in shape[1:])
        self.padding = [p * SIDE - side for p, side in zip(patch, shape[1:], strict=True)]
        self.patches = nn.Conv2d(shape[0], width, patch, stride=patch)  # type: ignore[arg-type]
        self.places = nn.Parameter(torch.randn(1, SIDE**2, width) * 0.02)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images to the logits of their classes."""
        if any(self.padding):
            x = pad(x, (0, self.padding[1], 0, self.padding[0]))
        x = self.patches(x).flatten(2).transpose(1, 2) + self.places
        return self.fc(self.norm(self.blocks(x)).mean(1))  # type: ignore[no-any-return]


@model(
    traits={"network", "convolutional", "attention network", "residual network"},
    needs={"images"},
    small=False,
    optimizer="adam",
    lr=2e-3,
    batch_size=64,
)
def vit_tiny(
    shape: tuple[int, ...],
    classes: int,
    *,
    width: Annotated[int, Range(8, 256, 8), "numbers that describe a patch"] = 32,
    heads: Annotated[int, Range(1, 16, 1), "heads of attention in each block"] = 4,
    blocks: Annotated[int, Range(1, 12, 1), "blocks, each of attention and two layers"] = 4,
) -> nn.Module:
    """A small vision transformer: 4 × 4 patches, pre-normalised blocks (Dosovitskiy et al. 2021).

    The mean over the patches is classified; there is no token for the class.
    """
    if width % heads:
        raise SpecError(f"width must be a multiple of heads, got {width} and {heads}.")
    return Transformer(shape, classes, width=width, heads=heads, blocks=blocks)
