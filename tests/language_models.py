"""Tiny models of the families of transformers, with random weights and a tokenizer that fits."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import torch

from prunelab.lm.folder import _quiet

LETTERS = "abcdefghijklmnopqrstuvwxyz .,\n\"'"
SIZE = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4}
ENDS = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
LLAMA = {**SIZE, "intermediate_size": 40, "num_key_value_heads": 2, "max_position_embeddings": 64}


def config(family: str) -> Any:
    import transformers as t

    v: dict[str, Any] = {"vocab_size": len(LETTERS), **ENDS}
    if family == "gpt2":
        return t.GPT2Config(n_positions=64, n_embd=24, n_layer=3, n_head=4, **v)
    if family == "opt":
        return t.OPTConfig(
            ffn_dim=40, max_position_embeddings=64, word_embed_proj_dim=24, **SIZE, **v
        )
    if family == "gpt-neox":
        return t.GPTNeoXConfig(intermediate_size=40, max_position_embeddings=64, **SIZE, **v)
    if family == "mistral":
        return t.MistralConfig(head_dim=6, **LLAMA, **v)
    kinds = {"llama": t.LlamaConfig, "qwen2": t.Qwen2Config}
    return kinds[family](**LLAMA, **v)


FAMILIES = ("gpt2", "opt", "llama", "mistral", "qwen2", "gpt-neox")


def model(family: str, seed: int = 0) -> Any:
    import transformers as t

    torch.manual_seed(seed)
    with _quiet():
        found = t.AutoModelForCausalLM.from_config(config(family)).eval()
    with torch.no_grad():  # wide enough that an answer depends on its MLPs
        for name, parameter in found.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3 if "embed" not in name else 1.0)
            elif name.endswith("bias"):
                parameter.normal_(std=0.1)
    return found


@functools.cache
def tokenizer() -> Any:
    import transformers as t
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({c: i for i, c in enumerate(LETTERS)}, unk_token="."))
    made.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    return t.PreTrainedTokenizerFast(tokenizer_object=made)


def saved(folder: Path, family: str = "llama") -> Path:
    with _quiet():
        model(family).save_pretrained(folder)
        tokenizer().save_pretrained(folder)
    return folder


def edited(folder: Path, file: str, **changes: Any) -> None:
    path = folder / file
    about = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(about | changes), encoding="utf-8")
