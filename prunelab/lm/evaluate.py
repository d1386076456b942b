"""How good a language model is: perplexity over a sliding window, agreement, speed, a sample."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from prunelab.lm.anatomy import readable
from prunelab.measure.quality import FIRST, perplexity, shared
from prunelab.spec import SpecError


class Quality(NamedTuple):
    """Over ``tokens`` predicted tokens of a text."""

    perplexity: float
    accuracy: float
    tokens: int


def windows(ids: Tensor, length: int, stride: int = 0) -> Iterator[tuple[Tensor, int]]:
    """Windows of a text (n,), ``stride`` apart (0: ``length``), with how many tokens are new.

    A model reads ``length`` tokens and predicts the one after each: a window has one more. Every
    token but the first is new in exactly one window, and predicted with more than ``length`` −
    ``stride`` tokens before it where the text has them.

    Raises:
        SpecError: a stride longer than the window, or a text of less than two tokens.
    """
    stride = stride or length
    if not 1 <= stride <= length or length < 2:
        raise SpecError(f"stride must be from 1 to the window of {length} tokens, got {stride}.")
    if len(ids) < 2:
        raise SpecError(f"The text has {len(ids)} tokens; at least 2 are needed.")
    done = 1
    for start in range(0, len(ids) - 1, stride):
        end = min(start + length + 1, len(ids))
        yield ids[start:end], end - done
        done = end
        if end == len(ids):
            return


@torch.inference_mode()
def quality(model: Any, ids: Tensor, *, length: int, stride: int = 0) -> Quality:
    """Perplexity and next-token accuracy of a model on a text (n,) of its own tokens."""
    readable(model, ids, min(length, len(ids)))
    loss, right, count = 0.0, 0, 0
    for window, new in windows(ids, length, stride):
        logits, after = _logits(model, window)
        loss += float(cross_entropy(logits[-new:], after[-new:], reduction="sum"))
        right += int((logits[-new:].argmax(1) == after[-new:]).sum())
        count += new
    return Quality(perplexity(loss / count), right / count, count)


@torch.inference_mode()
def agreement(model: Any, dense: Any, ids: Tensor, *, length: int, first: int = FIRST) -> float:
    """How many of the dense model's ``first`` likeliest next tokens the model also has, 0..1."""
    for each in (model, dense):
        readable(each, ids, min(length, len(ids)))
    both, count = 0, 0
    for window, new in windows(ids, length):
        one, two = (_logits(m, window)[0][-new:] for m in (model, dense))
        both += shared(one, two, first)
        count += two[:, :first].numel()
    return both / count


@torch.inference_mode()
def continued(model: Any, tokenizer: Any, prompt: str, tokens: int = 40) -> str:
    """What a model says after a prompt, the likeliest token each time.

    Raises:
        SpecError: a prompt without tokens.
    """
    ids = tokenizer(prompt, return_tensors="pt").input_ids.to(next(model.parameters()).device)
    if not ids.numel():
        raise SpecError("The prompt is empty.")
    out = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=tokens,
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id or 0,
    )
    said: str = tokenizer.decode(out[0], skip_special_tokens=True)
    return said


@torch.inference_mode()
def tokens_per_second(models: dict[str, Any], ids: Tensor, rounds: int = 9) -> dict[str, Any]:
    """Median, lowest and highest speed of reading a batch (n, tokens), the models taking turns."""
    speeds: dict[str, list[float]] = {name: [] for name in models}
    for number, (name, model) in itertools.product(range(rounds + 1), models.items()):
        there = ids.to(model.device)
        start = time.perf_counter()
        model(input_ids=there, use_cache=False).logits[0, 0, 0].item()  # done, also on a GPU
        if number:  # the first one only warms up
            speeds[name].append(ids.numel() / (time.perf_counter() - start))
    ordered = {name: sorted(found) for name, found in speeds.items()}
    return {n: {"median": s[len(s) // 2], "low": s[0], "high": s[-1]} for n, s in ordered.items()}


def _logits(model: Any, window: Tensor) -> tuple[Tensor, Tensor]:
    """Of every token but the last what should come next, (n, vocabulary), and what does, (n,)."""
    window = window.to(next(model.parameters()).device)
    found: Tensor = model(input_ids=window[None, :-1], use_cache=False).logits[0]
    return found.float(), window[1:]
