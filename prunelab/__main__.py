"""The command line: prunelab list, run, sweep, show, referee, export, app and the others."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prunelab import store_commands
from prunelab.cli import command, fields, spec_flags
from prunelab.harmless import csv, line
from prunelab.spec import SpecError
from prunelab.speech import _, anew

SHELVES = ("methods", "models", "datasets")
FILTERS = ("data", "model", "method")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 is success, 1 a run that failed, 2 arguments that cannot be used."""
    given = parser().parse_args(arguments)
    try:
        return int(given.command(given))
    except (SpecError, ValueError) as error:
        _say(error)
        return 2
    except RuntimeError as error:  # a run that failed, a store that cannot be opened
        _say(error)
        return 1
    except KeyboardInterrupt:
        print("prunelab:", _("stopped"), file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """All commands and their flags."""
    top = argparse.ArgumentParser(
        prog="prunelab", description=_("See, measure and argue about pruning.")
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    one = command(commands, "list", _list, "what there is to choose from")
    one.add_argument("what", choices=SHELVES)
    one.add_argument("--json", action="store_true", help=_("print one JSON object, nothing else"))
    one = command(commands, "run", _run, "one run, here and now")
    spec_flags(one)
    one.add_argument("--out", type=Path, metavar="DIR", help=_("also copy the model's files there"))
    one = command(commands, "sweep", _sweep, "every combination of comma lists, and random")
    spec_flags(one, lists=True)
    one.add_argument(
        "--out", type=Path, metavar="DIR", help=_("write the table and the figure there")
    )
    one.add_argument("--one-by-one", action="store_true", help=_("train no networks together"))
    _stored_commands(commands)
    one = command(commands, "check", _check, "the laws on a method file of your own")
    one.add_argument("file", type=Path)
    one.add_argument("--model", help=_("only on this model; otherwise on every small one it fits"))
    one = command(commands, "docs", _docs, "write the generated tables of README.md anew")
    one.add_argument("--check", action="store_true", help=_("change nothing; 1 if they are stale"))
    one = command(commands, "app", _app, "the app in a browser, and all it needs")
    one.add_argument("--port", type=int, help=_("8501, or the next that is free"))
    one.add_argument("--headless", action="store_true", help=_("do not open a browser"))
    one = command(commands, "doctor", _doctor, "what is installed, and whether all of it works")
    one.add_argument("--json", action="store_true", help=_("print one JSON object, nothing else"))
    store_commands.add(commands.add_parser("store", help=_("look after the stored runs")))
    return top


def _stored_commands(commands: Any) -> None:
    """What there is to do with runs that have ended."""
    one = command(commands, "show", _show, "a stored run, or the card of a method")
    one.add_argument(
        "key", help=_("the name of a run, as run and the app print it, or of a method")
    )
    one.add_argument("--json", action="store_true", help=_("print one JSON object, nothing else"))
    one = command(commands, "export", _export, "a stored run as files to take along")
    one.add_argument("key", help=_("its name, as run and the app print it"))
    one.add_argument("to", type=Path, metavar="DEST", help=_("a new folder, or a new file: x.zip"))
    one.add_argument("--no-onnx", action="store_true", help=_("leave model.onnx out"))
    forms = ["all", "fastest"]
    one.add_argument("--form", choices=forms, default="all", help=_("fastest: tried here"))
    tried = _("examples at a time it is tried with; 1")
    one.add_argument("--batch", type=int, default=1, help=tried)
    one.add_argument("--json", action="store_true", help=_("print one JSON object, nothing else"))
    one = command(commands, "balance", _balance, "the largest sparsity one can afford")
    spec_flags(one)
    one.add_argument(
        "--tolerate", type=float, required=True, metavar="POINTS", help=_("of accuracy")
    )
    one.add_argument("--seeds", type=int, default=3, help=_("of each sparsity; 3"))
    one.add_argument("--steps", type=int, default=6, help=_("how often the range is halved; 6"))
    one = command(commands, "referee", _referee, "grade stored runs as a comparison, A to F")
    _runs_flags(one)
    one.add_argument("--json", action="store_true", help=_("print one JSON object, nothing else"))
    one = command(commands, "track", _track, "write stored runs for MLflow or TensorBoard to show")
    one.add_argument("to", metavar="TOOL", help=_("mlflow or tensorboard"))
    one.add_argument("into", type=Path, metavar="DIR", help=_("a folder"))
    _runs_flags(one)


def _runs_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("keys", nargs="*", metavar="KEY", help=_("runs; otherwise all that fit"))
    for name in FILTERS:
        parser.add_argument(f"--{name}", help=_("only runs of this {name}", name=name))


def _list(given: argparse.Namespace) -> int:
    from prunelab.catalogue import catalogue

    known = catalogue()
    shelf = known[given.what]
    if given.json:
        print(json.dumps(shelf))
        return 0
    width = max(map(len, shelf))
    for name, entry in shelf.items():
        print(f"{name:<{width}}  {entry.get('title') or entry['summary']}")
    for file, reason in known["broken"][given.what].items():
        print(f"{file} is broken: {reason.strip().splitlines()[-1]}", file=sys.stderr)
    return 0


def _run(given: argparse.Namespace) -> int:
    from prunelab import notebook

    chosen = fields(given)
    done = notebook.run(again=given.again, progress=not given.quiet, **chosen)
    if given.out:
        shutil.copytree(done.store.folder(done.key), given.out, dirs_exist_ok=True)
    _print(done.result, given.json)
    return 0


def _sweep(given: argparse.Namespace) -> int:
    from prunelab import notebook
    from prunelab.summaries import summary

    chosen = fields(given, lists=True)
    done = notebook.sweep(
        preset=given.preset, progress=not given.quiet, again=given.again,
        together=not given.one_by_one, **chosen,
    )  # fmt: skip
    rows = summary(run.result for run in done)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "sweep.csv").write_text(csv(done.table), encoding="utf-8")
        done.plot.tradeoff().write_html(given.out / "tradeoff.html")
    if given.json:
        print(json.dumps({"rows": rows, "runs": [plain(run.result) for run in done]}))
    else:
        print(done.table.to_string(index=False))
    return 0


def _show(given: argparse.Namespace) -> int:
    from prunelab import cards, notebook
    from prunelab.catalogue import catalogue

    if entry := catalogue()["methods"].get(given.key):
        example = cards.worked()[given.key]
        whole = entry | {"worked": example}
        print(json.dumps(whole) if given.json else cards.plain(given.key, entry, example))
        return 0
    _print(notebook.load(given.key).result, given.json)
    return 0


def _export(given: argparse.Namespace) -> int:
    from prunelab import notebook

    run, asked = notebook.load(given.key), {"form": given.form, "batch": given.batch}
    done = run.export(given.to, onnx=not given.no_onnx, **asked)
    told = {"path": str(done.path), "bytes": done.size, "files": done.files, "error": done.error}
    more = {"notes": done.notes, "fastest": done.fastest and done.fastest._asdict()}
    print(json.dumps(told | more) if given.json else str(done))
    return 0


def _balance(given: argparse.Namespace) -> int:
    from prunelab.searching import balance

    chosen = {k: v for k, v in fields(given).items() if k not in ("sparsity", "seed", "layers")}
    found, _runs = balance(
        tolerated=given.tolerate / 100, seed=range(given.seeds), steps=given.steps,
        progress=not given.quiet, **chosen,
    )  # fmt: skip
    tries = [one._asdict() for one in found.tries]
    print(json.dumps({**found._asdict(), "tries": tries}) if given.json else str(found))
    return 0


def _runs_of(given: argparse.Namespace) -> Any:
    """The stored runs that are named, or all that fit."""
    from prunelab import notebook

    filters = {name: getattr(given, name) for name in FILTERS if getattr(given, name)}
    return notebook.stored(*given.keys, **filters)


def _track(given: argparse.Namespace) -> int:
    print(_runs_of(given).track(given.to, given.into))
    return 0


def _referee(given: argparse.Namespace) -> int:
    judged = _runs_of(given).referee
    if not given.json:
        print(judged)
        return 0
    rules = [
        {**f._asdict(), "missing": [spec.to_json() for spec in f.missing]} for f in judged.findings
    ]
    print(json.dumps({"grade": judged.grade, "rules": rules}))
    return 0


def _check(given: argparse.Namespace) -> int:
    from prunelab import checks

    broken = 0
    for method in checks.methods_in(given.file):
        for verdict in checks.check(method, given.model):
            broken += bool(verdict.reason)
            mark = f"BROKEN: {verdict.reason}" if verdict.reason else "holds"
            print(f"{verdict.method} on {verdict.model}: {verdict.law}: {mark}")
    return int(broken > 0)


def _docs(given: argparse.Namespace) -> int:
    from prunelab.docs import refresh

    stale = refresh(write=not given.check)
    if stale and given.check:
        print(f"stale: {', '.join(stale)}; run prunelab docs", file=sys.stderr)
        return 1
    return 0


def _app(given: argparse.Namespace) -> int:
    from prunelab.launch import app

    return app(port=given.port, headless=given.headless)


def _say(error: Exception) -> None:
    """Why nothing came of it; what a file's name brought along cannot control the terminal."""
    print("prunelab:", "\n".join(map(line, anew(str(error)).split("\n"))), file=sys.stderr)


def _doctor(given: argparse.Namespace) -> int:
    from prunelab.operations import doctor

    checks = doctor()
    if given.json:
        print(json.dumps({check.name: check._asdict() for check in checks}))
    else:
        for check in checks:
            print(f"{check.state:<8} {check.name:<10} {check.said}")
    return int(any(check.state == "problem" for check in checks))


def _print(result: Any, as_json: bool) -> None:
    from prunelab import figures
    from prunelab.summaries import sentence

    if as_json:
        print(json.dumps(plain(result)))
        return
    print(f"{result.key}\n{sentence(result)}")
    if result.layers:
        print(figures.layer_table(result).to_string(index=False))


def plain(result: Any) -> Any:
    """A result as strict JSON: what is not a finite number becomes null."""
    text = json.dumps(result.to_json())
    return json.loads(text, parse_constant=lambda _constant: None)


if __name__ == "__main__":
    sys.exit(main())
