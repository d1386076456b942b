"""Residual networks for small images (He et al. 2016, section 4.2), with shortcuts of option A."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Any

from torch import Tensor, nn
from torch.nn.functional import pad

from prunelab.registry import Range, model

IMAGES: dict[str, Any] = {
    "traits": {"network", "convolutional", "batch-normalised network", "residual network"},
    "needs": {"images"},
}
SGD: dict[str, Any] = {"optimizer": "sgd", "momentum": 0.9}


class Block(nn.Module):
    """Two convolutions beside a shortcut, which is strided and padded with zero channels."""

    def __init__(self, ins: int, outs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(ins, outs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outs, outs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outs)
        self.relu2 = nn.ReLU()
        self.stride = stride
        self.before = (outs - ins) // 2
        self.after = outs - ins - self.before

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps (n, ins, h, w) to (n, outs, h / stride, w / stride)."""
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(y + self.shortcut(x))  # type: ignore[no-any-return]

    def shortcut(self, x: Tensor) -> Tensor:
        """The identity where the shapes agree, else every stride-th pixel and new zero channels."""
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        if self.before or self.after:
            x = pad(x, (0, 0, 0, 0, self.before, self.after))
        return x


@model(**IMAGES, **SGD, small=False, lr=0.1, batch_size=128, weight_decay=1e-4)
def resnet_20(shape: tuple[int, ...], classes: int) -> nn.Module:
    """ResNet-20 for small images: 3 blocks in each of 3 stages (He et al. 2016)."""
    return residual(shape, classes, blocks=3, width=16)


@model(**IMAGES, **SGD, small=False, lr=0.1, batch_size=128, weight_decay=1e-4)
def resnet_32(shape: tuple[int, ...], classes: int) -> nn.Module:
    """ResNet-32 for small images: 5 blocks in each of 3 stages (He et al. 2016)."""
    return residual(shape, classes, blocks=5, width=16)


@model(**IMAGES, **SGD, small=False, lr=0.1, batch_size=128, weight_decay=1e-4)
def resnet_56(shape: tuple[int, ...], classes: int) -> nn.Module:
    """ResNet-56 for small images: 9 blocks in each of 3 stages (He et al. 2016)."""
    return residual(shape, classes, blocks=9, width=16)


@model(**IMAGES, **SGD, lr=0.1, batch_size=64, weight_decay=5e-4)
def resnet_narrow(
    shape: tuple[int, ...],
    classes: int,
    *,
    width: Annotated[int, Range(2, 16, 1), "filters of the first stage, doubled each stage"] = 8,
) -> nn.Module:
    """ResNet-8 with half the filters: one block in each of 3 stages, trains in seconds."""
    return residual(shape, classes, blocks=1, width=width)


def residual(shape: tuple[int, ...], classes: int, *, blocks: int, width: int) -> nn.Module:
    """A stem, three stages of blocks, the mean over each map, one linear layer.

    Layers start with PyTorch's default (Kaiming uniform).
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(shape[0], width, 3, padding=1, bias=False),
        bn1=nn.BatchNorm2d(width),
        relu1=nn.ReLU(),
    )
    ins = width
    for stage in (1, 2, 3):
        outs = width * 2 ** (stage - 1)
        strides = [1 if stage == 1 else 2, *[1] * (blocks - 1)]
        layers[f"stage{stage}"] = nn.Sequential(
            *(Block(outs if i else ins, outs, stride) for i, stride in enumerate(strides))
        )
        ins = outs
    layers["mean"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(ins, classes)
    return nn.Sequential(layers)
