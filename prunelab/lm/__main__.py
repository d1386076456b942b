"""Prune a language model: ``python -m prunelab.lm FOLDER --text FILE --out FOLDER``."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
from pathlib import Path
from typing import Any, get_args

from prunelab.lm.evaluate import continued, quality
from prunelab.lm.folder import DTYPES, read, save
from prunelab.lm.prune import METHODS, Recover, prune
from prunelab.lm.repair import finetune
from prunelab.spec import SpecError

PROMPT = 80  # characters of the text that are continued


def main(argv: list[str] | None = None) -> int:
    """Prune as asked; 0 where it worked, 2 where something cannot be."""
    asked = _parser().parse_args(argv)
    try:
        told = _run(asked)
    except (SpecError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps(told, indent=1) + "\n" if asked.json else _words(told))
    return 0


def _run(asked: argparse.Namespace) -> dict[str, Any]:
    text = _text(asked.text)
    held = _text(asked.test) if asked.test else text[int(0.9 * len(text)) :]
    told = text if asked.test else text[: int(0.9 * len(text))]
    language = read(asked.model, dtype=asked.dtype, device=asked.device)
    ids = language.calibration(told, asked.sequences, asked.length, asked.seed)
    test = language.tokens(held)
    where = {"length": asked.length, "stride": asked.stride}
    before = quality(language.model, test, **where)
    dense = sum(p.numel() for p in language.model.parameters())
    report = prune(
        language.model,
        ids,
        asked.method,
        asked.sparsity,
        unit=asked.unit,
        pattern=_pattern(asked.pattern),
        recover=asked.recover,
        seed=asked.seed,
        **dict(map(_knob, asked.knob)),
    )
    if asked.finetune:
        finetune(language.model, ids, steps=asked.finetune, seed=asked.seed)
    after = quality(language.model, test, **where)
    if asked.out:
        save(language, Path(asked.out))
    return {
        "model": str(asked.model),
        "method": asked.method,
        "unit": asked.unit,
        "sparsity": {"asked": asked.sparsity, "achieved": report.sparsity, "of": report.of},
        "parameters": [dense, sum(p.numel() for p in language.model.parameters())],
        "dense": before._asdict(),
        "pruned": after._asdict(),
        "window": asked.length,
        "stride": asked.stride or asked.length,
        "recover": asked.recover,
        "finetune": asked.finetune,
        "calibration": {"sequences": asked.sequences, "length": asked.length, "seed": asked.seed},
        "continued": continued(language.model, language.tokenizer, held[:PROMPT]),
    }


def _text(place: str) -> str:
    try:
        return Path(place).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpecError(f"{place} must be a text in UTF-8: {error.reason}.") from error


def _pattern(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d+):(\d+)", text)
    if not found:
        raise SpecError(f"--pattern must be N:M such as 2:4, got {text!r}.")
    return int(found[1]), int(found[2])


def _knob(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    if not name or not value:
        raise SpecError(f"--knob must be NAME=VALUE such as gamma=0.5, got {text!r}.")
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return name, kind(value)
    return name, value


def _words(told: dict[str, Any]) -> str:
    before, after = told["dense"], told["pruned"]
    share = told["sparsity"]
    dense, left = told["parameters"]
    return (
        f"{told['method']} removed {100 * share['achieved']:.1f} % of {share['of']:,} "
        f"{told['unit']}: {dense:,} parameters, now {left:,}.\n"
        f"Perplexity {before['perplexity']:.2f}, now {after['perplexity']:.2f}; next token right "
        f"{100 * before['accuracy']:.1f} %, now {100 * after['accuracy']:.1f} % "
        f"({after['tokens']:,} tokens, window {told['window']}, stride {told['stride']}).\n\n"
        f"{told['continued']}\n"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m prunelab.lm", description=__doc__)
    parser.add_argument("model", help="a folder in Hugging Face's layout, or a name on its hub")
    parser.add_argument("--text", required=True, help="UTF-8 text to calibrate on")
    parser.add_argument(
        "--test", default="", help="UTF-8 text to measure on; else the last tenth of --text"
    )
    names = sorted({name for methods in METHODS.values() for name in methods})
    parser.add_argument("--method", default="llm-rank", help=", ".join(names))
    parser.add_argument("--unit", default="neurons", choices=list(METHODS))
    parser.add_argument("--sparsity", type=float, default=0.3)
    parser.add_argument(
        "--recover", default="none", choices=get_args(Recover), help="of neurons: solved anew"
    )
    parser.add_argument("--finetune", type=int, default=0, metavar="STEPS", help="afterwards")
    parser.add_argument("--pattern", default="", metavar="N:M", help="such as 2:4, of weights")
    parser.add_argument(
        "--knob", action="append", default=[], metavar="NAME=VALUE", help="such as gamma=0.5"
    )
    parser.add_argument("--sequences", type=int, default=64, help="of calibration")
    parser.add_argument("--length", type=int, default=256, help="tokens of a sequence and window")
    parser.add_argument("--stride", type=int, default=0, help="between windows; 0 is the length")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", default="float32", choices=list(DTYPES))
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--out", default="", help="folder for the pruned model")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
