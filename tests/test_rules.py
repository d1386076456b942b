"""Operations that leave channels alone leave them free to go."""

import pytest
import torch
from architectures import Net, awake, conv, head
from torch import nn
from torch.nn import functional as F

from prunelab.surgery import plan


@pytest.mark.parametrize(
    "middle",
    [
        nn.MaxPool2d(2, 1),
        nn.AvgPool2d(2, 1),
        nn.AdaptiveAvgPool2d(3),
        nn.AdaptiveMaxPool2d(3),
        nn.Upsample(scale_factor=2),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Upsample(scale_factor=2, mode="bicubic"),
        nn.ReflectionPad2d(1),
        nn.ReplicationPad2d(1),
        nn.ZeroPad2d(1),
        nn.BatchNorm2d(6, affine=False),
        nn.BatchNorm2d(6, track_running_stats=False),
        nn.Hardswish(),
        nn.Hardswish(inplace=True),
        nn.LeakyReLU(inplace=True),
        nn.PReLU(),
        nn.Dropout2d(),
        lambda x: F.log_softmax(x, 2),
        lambda x: F.normalize(x, dim=3) + torch.ones_like(x) * torch.zeros_like(x),
        lambda x: (x - x.mean((2, 3), keepdim=True)) / (1 + x.std((2, 3), keepdim=True)),
        lambda x: x * x.var((2, 3), keepdim=True) + torch.full_like(x, 2.0),
        lambda x: torch.empty_like(x).fill_(0.5).add_(x).half().float().double(),
        lambda x: torch.empty_like(x).copy_(x) - x.amin(3, keepdim=True),
        lambda x: x.squeeze(0).unsqueeze(-1).squeeze(-1).to(torch.float64),
        lambda x: x.mT,
        lambda x: F.max_pool1d(x.flatten(2), 2).unsqueeze(3),
        lambda x: F.interpolate(x.flatten(2), scale_factor=2).unsqueeze(3),
        lambda x: F.interpolate(x.flatten(2), scale_factor=2, mode="linear").unsqueeze(3),
        lambda x: F.interpolate(x.unsqueeze(4), scale_factor=2).flatten(3),
        lambda x: F.max_pool3d(x.unsqueeze(4), (2, 2, 1)).flatten(3),
        lambda x: F.avg_pool3d(x.unsqueeze(4), (2, 2, 1)).flatten(3),
    ],
    ids=lambda layer: str(layer) if isinstance(layer, nn.Module) else None,
)
def test_channels_pass_through(middle):
    layers = {"a": conv(1, 6), "b": conv(6, 4), "fc": nn.Linear(4, 10)}
    if isinstance(middle, nn.Module):
        layers["middle"] = middle

    def run(n, x):
        return head(n, n.b((n.middle if "middle" in layers else middle)(n.a(x))))

    found = plan(awake(Net(run, **layers)), torch.randn(2, 1, 8, 8).double())
    assert found.frozen == {"fc": "its outputs are the outputs of the network"}
    assert [c.name for c in found.classes] == ["a", "b"]
