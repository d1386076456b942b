"""Networks of the transformers library, from tiny configurations: what surgery offers is exact."""

import copy

import pytest
import torch
import transformers as hf
from architectures import NETS, Net, awake
from torch.utils.flop_counter import FlopCounterMode

from prunelab.measure.macs import macs
from prunelab.surgery import apart, cover, plan, shrink, zero
from prunelab.surgery.trace import quietly
from prunelab.units.heads import planned

WORDS = {"input_ids": torch.arange(2 * 7).view(2, 7) % 50, "use_cache": False}
IMAGES = {"pixel_values": torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))}
SMALL = {
    "vocab_size": 50, "hidden_size": 32, "intermediate_size": 24, "num_hidden_layers": 1,
    "attn_implementation": "eager",
}  # fmt: skip


def llama(queries, shared, kind="Llama", size=8):
    config = getattr(hf, f"{kind}Config")(
        **{**SMALL, "hidden_size": queries * size}, num_attention_heads=queries,
        num_key_value_heads=shared, head_dim=size,
    )  # fmt: skip
    return getattr(hf, f"{kind}ForCausalLM")(config)


def gpt2():
    return hf.GPT2LMHeadModel(
        hf.GPT2Config(
            vocab_size=50, bos_token_id=0, eos_token_id=0, n_embd=32, n_layer=1, n_head=4,
            n_positions=16, attn_implementation="eager",
        )
    )  # fmt: skip


def opt():
    return hf.OPTForCausalLM(
        hf.OPTConfig(
            vocab_size=50, hidden_size=32, ffn_dim=24, num_hidden_layers=1, num_attention_heads=4,
            max_position_embeddings=16, word_embed_proj_dim=32, attn_implementation="eager",
        )
    )  # fmt: skip


def bert():
    return hf.BertModel(hf.BertConfig(**SMALL, num_attention_heads=4))


def vit():
    small = {k: v for k, v in SMALL.items() if k != "vocab_size"}
    return hf.ViTModel(hf.ViTConfig(**small, num_attention_heads=4, image_size=16, patch_size=8))


def count(net):
    return sum(p.numel() for p in net.parameters())


# How to build it, its heads, neurons of its feed-forward. Where heads share keys, there are two
# kinds: one of every group at once, and whole groups.
ZOO = {
    "gpt-2": (gpt2, WORDS, [4], 128),
    "opt": (opt, WORDS, [4], 24),
    "llama 1:1": (lambda: llama(4, 4), WORDS, [4], 24),
    "llama 2:1": (lambda: llama(4, 2), WORDS, [2, 2], 24),
    "llama 4:1": (lambda: llama(8, 2), WORDS, [4, 2], 24),
    "llama 7:1": (lambda: llama(14, 2), WORDS, [7, 2], 24),
    "qwen": (lambda: llama(4, 2, "Qwen2"), WORDS, [2, 2], 24),
    "mistral": (lambda: llama(4, 2, "Mistral"), WORDS, [2, 2], 24),
    "bert": (bert, {"input_ids": WORDS["input_ids"]}, [4], 24),
    "vit": (vit, IMAGES, [4], 24),
}


@pytest.mark.parametrize("name", ZOO)
def test_what_is_offered_is_exact(name):
    build, example, heads, forward = ZOO[name]
    torch.manual_seed(0)
    net = build().double().eval()
    example = {k: v.double() if k == "pixel_values" else v for k, v in example.items()}
    found = plan(net, example)
    assert [c.size for c in found.classes if c.heads] == heads
    assert forward in [c.size for c in found.classes if not c.heads]
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        masks = {}
        for c in found.classes:
            masks[c.name] = torch.rand(c.size, generator=generator) < 0.6
            masks[c.name][seed % c.size] = True
        small, masked = shrink(found, net, masks), copy.deepcopy(net)
        zero(masked, cover(found, masked, masks))
        assert apart(masked, small, example) < 1e-9
        assert sum(p.numel() for p in small.parameters()) <= sum(
            p.numel() for p in net.parameters()
        )


# What is added to the input is as wide as the input.
AS_THE_INPUT = {"transformer": {"layer.self_attn.out_proj", "layer.linear2"}}


@pytest.mark.parametrize("name", [*NETS, *ZOO])
def test_nine_of_ten_layers_of_every_network_can_lose_units(name):
    """Of those whose size neither the answers nor the input nor the vocabulary say.

    A second kind of units of a layer that can lose others ("in groups") does not count.
    """
    torch.manual_seed(0)
    if name in NETS:
        found = plan(awake(NETS[name][0]()), torch.randn(3, 1, 8, 8, dtype=torch.float64))
    else:
        found = plan(ZOO[name][0]().eval(), ZOO[name][1])
    offered = {layer for c in found.classes for layer in c.producers}
    said = {"its outputs are the outputs of the network", "an embedding looks its rows up"}
    fixed = {n for n, why in found.frozen.items() if " in groups" not in n and why not in said}
    fixed -= AS_THE_INPUT.get(name, set())
    assert len(offered) >= 0.9 * len(offered | fixed) > 0, found.frozen


@pytest.mark.parametrize("name", ZOO)
def test_macs_are_half_of_pytorch_s_flops(name):
    build, example, _, _ = ZOO[name]
    (first, x), *rest = example.items()
    net = Net(lambda n, x: n.net(**{first: x}, **dict(rest)), net=build()).eval()
    with FlopCounterMode(display=False) as counter, quietly():
        net(x[:1])
    assert 2 * sum(macs(net, x).values()) == counter.get_total_flops() > 0


def test_heads_that_share_keys_and_values():
    """Of four heads for each pair of keys and values, one of each four goes, or all four."""
    torch.manual_seed(0)
    net = llama(8, 2).double().eval()
    found = plan(net, WORDS)
    one_of_each, whole = (c for c in found.classes if c.heads)
    inside = shrink(found, net, {one_of_each.name: torch.arange(4) != 1})
    attention = inside.model.layers[0].self_attn
    assert attention.q_proj.out_features == 6 * 8
    assert attention.k_proj.out_features == 2 * 8
    assert attention.num_key_value_groups == 3
    plain = Net(lambda n, x: n.net(x).logits, net=net)
    units = planned(plain, WORDS["input_ids"]).classes
    assert [c.size for c in units] == [2]  # no head is counted twice
    fewer = shrink(found, net, {whole.name: torch.arange(2) == 1})
    attention = fewer.model.layers[0].self_attn
    assert (attention.q_proj.out_features, attention.k_proj.out_features) == (4 * 8, 8)
    assert attention.num_key_value_groups == 4
