"""The flags of the command line, made from the fields of a spec and the catalogue."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prunelab.catalogue import catalogue
from prunelab.files import SUFFIXES, existing, keep_file
from prunelab.knobs import parse
from prunelab.own import apart
from prunelab.presets import PRESETS
from prunelab.spec import RunSpec, Scalar, SpecError, unknown
from prunelab.speech import _, mark

FIELDS: dict[str, tuple[Any, str]] = {
    "data": (str, mark("a data set, or a file: .csv, .parquet or .npz")),
    "model": (str, mark("a model; prunelab list models")),
    "method": (str, mark("a method; prunelab list methods")),
    "sparsity": (float, mark("share of the prunable units to remove, 0 <= s < 1")),
    "scope": (str, mark("global, uniform, uniform-plus, er, erk or lamp")),
    "floor": (int, mark("keep at least so many units of every layer")),
    "budget": (str, mark("what the sparsity is a share of: params, macs, bytes or latency")),
    "round-to": (int, mark("keep a multiple of so many units in every layer")),
    "recover": (str, mark("none, finetune, rewind or reinit")),
    "seed": (int, mark("of everything random")),
    "epochs": (int, mark("of the dense training")),
    "recover-epochs": (int, mark("of the training after pruning")),
    "lr": (float, mark("learning rate")),
    "batch-size": (int, mark("examples a step")),
    "optimizer": (str, mark("sgd or adam")),
    "examples-method": (str, mark("prune the training examples first, by this method")),
    "examples-sparsity": (float, mark("share of the examples to remove first, 0 <= s < 1")),
}
READERS = {".csv": "table", ".parquet": "table", ".npz": "arrays"}


def command(commands: Any, name: str, function: Any, line: str) -> argparse.ArgumentParser:
    """Add a command that calls a function with what was given."""
    made: argparse.ArgumentParser = commands.add_parser(name, help=_(line), description=_(line))
    made.set_defaults(command=function)
    return made


def spec_flags(parser: argparse.ArgumentParser, *, lists: bool = False) -> None:
    """Add the flags of a spec; with ``lists`` each takes several values, with commas between."""
    for name, (kind, line) in FIELDS.items():
        shown = kind.__name__.upper() + (",..." if lists else "")
        parser.add_argument(f"--{name}", type=str if lists else kind, metavar=shown, help=_(line))
    if lists:
        names = ", ".join(PRESETS)
        line = _("a comparison with a name, instead of --method: {names}", names=names)
        parser.add_argument("--preset", default="", metavar="NAME", help=line)
    pair: dict[str, Any] = {"action": "append", "default": [], "metavar": "NAME=VALUE"}
    parser.add_argument("--knob", help=_("a setting of the method, the model or the data"), **pair)
    parser.add_argument("--layer", help=_("the sparsity of one layer; replaces --sparsity"), **pair)
    parser.add_argument("--target", help=_("the column to predict, of a file of your own"))
    parser.add_argument("--weights", help=_("trained weights of your own: .safetensors or .skops"))
    parser.add_argument("--again", action="store_true", help=_("run even what is stored already"))
    parser.add_argument(
        "--json", action="store_true", help=_("print one JSON object, nothing else")
    )
    parser.add_argument("--quiet", action="store_true", help=_("no progress bar"))


def fields(given: argparse.Namespace, *, lists: bool = False) -> dict[str, Any]:
    """The fields of a spec from the flags.

    Raises:
        SpecError: a value that cannot be read, or a knob nobody has.
    """
    chosen: dict[str, Any] = {}
    for name, (kind, _line) in FIELDS.items():
        value = getattr(given, name.replace("-", "_"))
        if value is not None:
            chosen[name.replace("-", "_")] = _several(name, kind, value) if lists else value
    chosen["data"], own = _own_file(chosen.get("data", RunSpec.data), given.target)
    if given.weights:
        apart.inspect(existing(given.weights))
        chosen["weights"] = keep_file(given.weights)
    pairs = _pairs(given.knob) | own
    if given.layer:
        chosen["layers"] = {k: _number(k, v) for k, v in _pairs(given.layer).items()}
    return chosen | _owners(chosen, pairs)


def _several(name: str, kind: Any, text: str) -> list[Any]:
    try:
        return [kind(word.strip()) for word in text.split(",") if word.strip()]
    except ValueError:
        raise SpecError(f"--{name} must be a list of {kind.__name__}, got {text!r}.") from None


def _own_file(data: Any, target: str | None) -> tuple[Any, dict[str, str]]:
    """A file of one's own is kept under its content's hash, so that a run can be repeated.

    A process of its own reads it first, so that what cannot be used is refused here and now.
    """
    names = data if isinstance(data, list) else [data]
    paths = [Path(name) for name in names if Path(name).suffix.lower() in SUFFIXES]
    if not paths:
        return data, {}
    if len(names) > 1:
        raise SpecError("A file of your own must be the only data set.")
    apart.inspect(existing(names[0]), target or "")
    own = {"file": keep_file(names[0])}
    if target:
        own["target"] = target
    reader = READERS[paths[0].suffix.lower()]
    return ([reader] if isinstance(data, list) else reader), own


def _pairs(words: list[str]) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise SpecError(f"A knob or layer must be NAME=VALUE, got {word!r}.")
    return dict(word.split("=", 1) for word in words)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SpecError(f"{name} must be a number, got {text!r}.") from None


def _owners(chosen: Mapping[str, Any], pairs: Mapping[str, str]) -> dict[str, dict[str, Scalar]]:
    """Each knob goes to the method, the model or the data set that has it."""
    known = catalogue()
    shelves = {"knobs": "methods", "model_knobs": "models", "data_knobs": "datasets"}
    words = {"knobs": "method", "model_knobs": "model", "data_knobs": "data"}
    if chosen.get("examples_method"):
        shelves |= {"examples_knobs": "methods"}
        words |= {"examples_knobs": "examples_method"}
    owned: dict[str, dict[str, Scalar]] = {}
    left = dict(pairs)
    for field, shelf in shelves.items():
        names = chosen.get(words[field], getattr(RunSpec, words[field]))
        for name in names if isinstance(names, list) else [names]:
            knobs = {k["name"]: k for k in known[shelf].get(name, {"knobs": []})["knobs"]}
            if shelf == "methods":
                knobs |= {k["name"]: k for of in known["recovery_knobs"].values() for k in of}
            mine = {k: parse(knobs[k], v) for k, v in pairs.items() if k in knobs}
            owned[field] = owned.get(field, {}) | mine
            left = {k: v for k, v in left.items() if k not in knobs}
            pool = sorted(knobs)
    if left:
        raise SpecError(unknown("knob", next(iter(left)), pool or ["none"]))
    return {field: found for field, found in owned.items() if found}
