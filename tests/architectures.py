"""Small networks of every shape that structured pruning meets, for 1 x 8 x 8 images."""

import torch
from torch import nn
from torch.nn import functional as F

from prunelab.registry import MODELS


class Net(nn.Module):
    """A network written as a list of layers and one function of them and the input."""

    def __init__(self, run, **layers):
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.run(self, x)


def conv(i, o, k=3, **options):
    return nn.Conv2d(i, o, k, padding=k // 2, **options)


def conv_bn(i, o, k=3, **options):
    return nn.Sequential(conv(i, o, k, **options), nn.BatchNorm2d(o))


def head(net, x):
    return net.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def built(name, shape=(1, 8, 8), **knobs):
    return lambda: MODELS[name].function(shape, 10, **knobs)


def residual_projected():
    def run(n, x):
        x = F.relu(n.a(x))
        return head(n, F.relu(n.c(F.relu(n.b(x))) + n.short(x)))

    layers = {"b": conv_bn(6, 8, stride=2), "c": conv_bn(8, 8), "short": conv_bn(6, 8, 1, stride=2)}
    return Net(run, a=conv_bn(1, 6), fc=nn.Linear(8, 10), **layers)


def depthwise():
    def run(n, x):
        return head(n, F.relu6(n.c(F.hardswish(n.b(F.relu6(n.a(x)))))))

    return Net(
        run, a=conv_bn(1, 8), b=conv_bn(8, 8, groups=8), c=conv_bn(8, 6, 1), fc=nn.Linear(6, 10)
    )


def depthwise_multiplied():
    return Net(
        lambda n, x: head(n, n.c(F.relu(n.b(n.a(x))))),
        a=conv(1, 4),
        b=conv(4, 12, groups=4),
        c=conv(12, 5),
        fc=nn.Linear(5, 10),
    )


def dense_concat():
    def run(n, x):
        x = n.a(x)
        for norm, layer in ((n.n1, n.b), (n.n2, n.c)):
            x = torch.cat([x, layer(F.relu(norm(x)))], 1)
        return head(n, torch.cat([x, x], 1))

    norms = {"n1": nn.BatchNorm2d(5), "n2": nn.BatchNorm2d(9)}
    return Net(run, a=conv(1, 5), b=conv(5, 4), c=conv(9, 3), fc=nn.Linear(24, 10), **norms)


def squeeze_excite():
    def run(n, x):
        x = F.silu(n.a(x))
        gate = torch.sigmoid(n.up(F.relu(n.down(x.mean((2, 3), keepdim=True)))))
        return head(n, n.b(x * gate.expand_as(x)))

    return Net(
        run,
        a=conv_bn(1, 8),
        down=conv(8, 4, 1),
        up=conv(4, 8, 1),
        b=conv(8, 6),
        fc=nn.Linear(6, 10),
    )


def u_net():
    def run(n, x):
        top = F.relu(n.a(x))
        low = F.relu(n.b(F.max_pool2d(top, 2)))
        wide = torch.cat([F.interpolate(n.c(low), scale_factor=2), n.up(low), top], 1)
        return n.out(F.elu(n.d(wide)))

    layers = {"c": conv(6, 4), "up": nn.ConvTranspose2d(6, 3, 2, 2), "d": conv(12, 4)}
    return Net(run, a=conv_bn(1, 5), b=conv_bn(5, 6), out=conv(4, 2, 1), **layers)


def grouped():
    return Net(
        lambda n, x: head(n, F.relu(n.c(F.relu(n.b(F.relu(n.a(x))))))),
        a=conv(1, 12),
        b=conv_bn(12, 8, groups=2),
        c=conv(8, 6, 1),
        fc=nn.Linear(6, 10),
    )


def shuffled(groups):
    def run(n, x):
        x = F.relu(n.a(x))
        b, c, h, w = x.shape
        x = x.view(b, groups, c // groups, h, w).transpose(1, 2).reshape(b, c, h, w)
        return head(n, F.relu(n.b(x)))

    return Net(run, a=conv(1, 12), b=conv_bn(12, 12, groups=groups), fc=nn.Linear(12, 10))


def gated():
    def run(n, x):
        one, other = n.a(x.flatten(1)).chunk(2, -1)
        return n.c(F.glu(n.b(one * torch.sigmoid(other)), -1))

    return Net(run, a=nn.Linear(64, 16), b=nn.Linear(8, 12), c=nn.Linear(6, 10))


def shared_and_tied():
    def run(n, x):
        x = torch.tanh(n.a(x.flatten(1)))
        x = F.softplus(n.b(F.softplus(n.b(x))))
        return n.d(F.linear(n.c(x), n.c.weight.t()))

    return Net(run, a=nn.Linear(64, 9), b=nn.Linear(9, 9), c=nn.Linear(9, 7), d=nn.Linear(9, 10))


def own_attention():
    """Whole heads can go: their number is not written in the code, their size is."""

    def run(n, x):
        query, key, value = n.qkv(x[:, 0]).view(len(x), 8, 3, -1, 4).unbind(2)
        scores = torch.einsum("bqhd,bkhd->bhqk", query, key) / 2
        mixed = scores.softmax(-1) @ value.transpose(1, 2)
        return n.fc(n.out(mixed.transpose(1, 2).flatten(2)).mean(1))

    return Net(run, qkv=nn.Linear(8, 36), out=nn.Linear(12, 6), fc=nn.Linear(6, 10))


def embedded():
    def run(n, x):
        words = n.words((x[:, 0, 0] > 0).long())
        mixed = torch.stack([words, n.a(words)]).amax(0)
        return n.fc(n.act(mixed.transpose(1, 2)).flatten(1))

    return Net(
        run, words=nn.Embedding(2, 5), a=nn.Linear(5, 5), act=nn.PReLU(5), fc=nn.Linear(40, 10)
    )


def shuffled_by_torch():
    shuffle = nn.ChannelShuffle(2)
    layers = {"a": conv(1, 12), "b": conv_bn(12, 8, groups=2), "c": conv(8, 4)}
    return Net(
        lambda n, x: head(n, n.c(shuffle(F.relu(n.b(F.relu(n.a(x))))))),
        fc=nn.Linear(4, 10),
        **layers,
    )


def mobile():
    """Inverted residuals of a MobileNet: wide inside, narrow and without activation between."""

    def run(n, x):
        x = F.relu6(n.stem(x))
        for wide, deep, narrow, same in ((n.w1, n.d1, n.p1, True), (n.w2, n.d2, n.p2, False)):
            y = narrow(F.relu6(deep(F.relu6(wide(x)))))
            x = x + y if same else y
        return head(n, F.hardswish(n.last(x)))

    one = {"w1": conv_bn(6, 18, 1), "d1": conv_bn(18, 18, groups=18), "p1": conv_bn(18, 6, 1)}
    two = {"w2": conv_bn(6, 12, 1), "d2": conv_bn(12, 12, stride=2, groups=12)}
    layers = {"p2": conv_bn(12, 8, 1), "last": conv_bn(8, 10, 1), "fc": nn.Linear(10, 10)}
    return Net(run, stem=conv_bn(1, 6), **one, **two, **layers)


def inception():
    """Branches of several sizes side by side, twice."""

    def run(n, x):
        for a, b, c, d, e, f in (
            (n.a1, n.b1, n.c1, n.d1, n.e1, n.f1),
            (n.a2, n.b2, n.c2, n.d2, n.e2, n.f2),
        ):
            pooled = F.max_pool2d(x, 3, 1, 1)
            sides = [a(x), c(F.relu(b(x))), e(F.relu(d(x))), f(pooled)]
            x = F.relu(torch.cat(sides, 1))
        return head(n, x)

    def block(number, i):
        sides = {"a": conv_bn(i, 4, 1), "b": conv_bn(i, 5, 1), "c": conv_bn(5, 6)}
        sides |= {"d": conv_bn(i, 3, 1), "e": conv_bn(3, 4, 5), "f": conv_bn(i, 2, 1)}
        return {f"{name}{number}": layer for name, layer in sides.items()}

    return Net(run, fc=nn.Linear(16, 10), **block(1, 1), **block(2, 16))


def shuffle_net():
    """Half of the channels pass, the other half is worked on, and the two are shuffled."""

    def run(n, x):
        x = F.relu(n.stem(x))
        for a, b, c in ((n.a1, n.b1, n.c1), (n.a2, n.b2, n.c2)):
            kept, other = x.chunk(2, 1)
            x = torch.cat([kept, F.relu(c(b(F.relu(a(other)))))], 1)
            batch, channels, h, w = x.shape
            x = x.view(batch, 2, channels // 2, h, w).transpose(1, 2).reshape(batch, -1, h, w)
        return head(n, F.relu(n.last(x)))

    def block(number):
        layers = {"a": conv_bn(6, 6, 1), "b": conv_bn(6, 6, groups=6), "c": conv_bn(6, 6, 1)}
        return {f"{name}{number}": layer for name, layer in layers.items()}

    return Net(run, stem=conv_bn(1, 12), last=conv_bn(12, 9, 1), fc=nn.Linear(9, 10), **block(1),
               **block(2))  # fmt: skip


def transformer():
    layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True)
    return Net(lambda n, x: n.fc(n.layer(x[:, 0]).mean(1)), layer=layer, fc=nn.Linear(8, 10))


NETS = {
    "mlp sigmoid": (built("mlp", activation="sigmoid"), 2),
    "mlp tanh": (built("mlp", activation="tanh"), 2),
    "mlp gelu": (built("mlp", activation="gelu"), 2),
    "lenet-300-100": (built("lenet-300-100"), 2),
    "lenet-5": (built("lenet-5", activation="sigmoid"), 3),
    "vgg-small": (built("vgg-small", width=4, depth=2), 6),
    "resnet option A": (built("resnet-narrow", width=4), 4),
    "resnet option B": (residual_projected, 3),
    "depthwise": (depthwise, 2),
    "depthwise multiplied": (depthwise_multiplied, 3),
    "dense concat": (dense_concat, 3),
    "squeeze excite": (squeeze_excite, 3),
    "mobilenet": (mobile, 5),
    "inception": (inception, 12),
    "shufflenet": (shuffle_net, 4),
    "u-net": (u_net, 5),
    "grouped": (grouped, 4),
    "channel shuffle": (lambda: shuffled(2), 3),
    "gated": (gated, 2),
    "shared and tied": (shared_and_tied, 2),
    "channel shuffle by PyTorch": (shuffled_by_torch, 3),
    "own attention": (own_attention, 2),
    "embedded": (embedded, 1),
    "transformer": (transformer, 2),
    "vit-tiny": (built("vit-tiny", width=16, heads=4, blocks=1), 2),
}


def awake(net, seed=0):
    """In float64 and evaluation mode, with normalisation that has seen something."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in net.state_dict().values():
        if tensor.is_floating_point():
            tensor.add_(torch.rand(tensor.shape, generator=generator) * 0.3)
    return net.double().eval()
