"""Everything PruneLab says, in one catalogue for translators: written anew, merged, compiled.

``make words`` writes ``prunelab/locale/prunelab.pot`` from the sources, the registries and the
texts that ship as data; brings every ``prunelab.po`` up to date; and compiles it. ``make words
LANGUAGE=de`` begins a new one.
"""

from __future__ import annotations

import datetime
import io
import string
import sys
from collections.abc import Iterator
from pathlib import Path

import sentences
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from prunelab import (
    cards,
    collection,
    crossing,
    foresight,
    lessons,
    lottery,
    presets,
    structure,
    timing,
)
from prunelab.catalogue import catalogue
from prunelab.fair import AXES, QUALITIES
from prunelab.speech import DOMAIN, FOLDER, in_browser

ROOT = Path(__file__).parents[1]
TEMPLATE = FOLDER / f"{DOMAIN}.pot"
KEYWORDS = {"_": None, "mark": None, "many": (1, 2)}
DEVELOPERS = ("prunelab/checks.py", "prunelab/docs.py")  # read by nobody else
WHEN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)  # always: a date is no change
HEAD = "# What PruneLab says. `make words` writes this file; docs/translating.md tells how to."


def template() -> str:
    """The catalogue as text: what the sources mark, then what comes out of data."""
    found = Catalog(
        project="PruneLab", version="", header_comment=HEAD, creation_date=WHEN, charset="utf-8"
    )
    for file in sources():
        place = file.relative_to(ROOT).as_posix()
        for _line, text, comments, _context in extract_from_file("python", file, KEYWORDS):
            found.add(text, locations=[(place, 0)], auto_comments=comments)
    for file in sorted([*ROOT.glob("pages/ui/*.html"), *ROOT.glob("pages/ui/*.js")]):
        for text in in_browser(file.read_text("utf-8")):
            found.add(text, locations=[(file.relative_to(ROOT).as_posix(), 0)])
    for place, text in _sentences():
        found.add(text, locations=[(place, 0)])
    for place, text in _data():
        if text.strip():
            found.add(text, locations=[(place, 0)])
    out = io.BytesIO()
    write_po(out, found, width=100, include_lineno=False)
    return out.getvalue().decode("utf-8")


def sources() -> list[Path]:
    """The files that say something."""
    files = sorted([*ROOT.glob("pages/**/*.py"), *ROOT.glob("prunelab/**/*.py")])
    return [f for f in files if "prunelab.speech import" in f.read_text("utf-8")]


def _sentences() -> Iterator[tuple[str, str]]:
    """What the library says before it is known who reads it."""
    for file in sorted([*ROOT.glob("pages/**/*.py"), *ROOT.glob("prunelab/**/*.py")]):
        place = file.relative_to(ROOT).as_posix()
        if place not in DEVELOPERS:
            yield from ((place, text) for text in sentences.templates(file.read_text("utf-8")))


def _data() -> Iterator[tuple[str, str]]:
    """Texts that the app shows and no source marks: those of the shelves, lessons and exhibits."""
    known = catalogue()
    for shelf in ("methods", "models", "datasets"):
        for name, entry in known[shelf].items():
            parts = cards.text(entry) if shelf == "methods" else ("", cards.rest(entry))
            texts = [
                entry["summary"],
                entry.get("title", ""),
                entry.get("label", ""),
                *parts,
                *entry.get("traits", ()),
            ]
            yield from ((f"prunelab/{shelf}: {name}", text) for text in texts)
            yield from _knobs(f"prunelab/{shelf}: {name}", entry["knobs"])
    for name, knobs in known["recovery_knobs"].items():
        yield from _knobs(f"recovery: {name}", knobs)
    for name, unit in known["units"].items():
        yield f"prunelab/units: {name}", unit["noun"]
        yield f"prunelab/units: {name}", unit["noun"].removesuffix("s")
    for name in ("scopes", "recovers", "budgets"):
        yield from ((name, text) for text in known[name].values())
    yield from _tables()
    yield from _lessons()


def _tables() -> Iterator[tuple[str, str]]:
    for table in (foresight.WAYS, structure.WAYS, crossing.FORMS):
        yield from (("tables", text) for text in table.values())
    for table in (AXES, QUALITIES):
        yield from (("axes", text) for name, axis in table.items() for text in (name, axis.title))
    yield from (("timing", text) for text in timing.WAYS)
    yield from (("nouns", text) for text in ("rule", "way", "lesson", "exhibit"))
    yield from (("worked", text) for text in ("example", "has", "keeps", "mask", "number", "split"))
    yield from (("worked", text) for text in ("rows", "keep", "held-out rows right"))
    yield from (("phases", text) for text in ("dense", "recover", "train", "weight", "score"))
    yield from (("lottery", text) for pair in lottery.LANES.items() for text in pair)
    for preset in presets.PRESETS.values():
        yield from (("presets", text) for text in (preset.title, preset.about))
    for name, told in collection.exhibits().items():
        texts = [*(told[key] for key in ("title", "scene", "why", "instead")), *told["options"]]
        texts += told["axes"]
        yield from ((f"museum: {name}", text) for text in texts)


def _knobs(place: str, knobs: list[dict[str, str]]) -> Iterator[tuple[str, str]]:
    for knob in knobs:
        yield place, knob["name"].replace("_", " ").capitalize()
        yield place, knob["help"]


def _lessons() -> Iterator[tuple[str, str]]:
    for one in lessons.lessons().values():
        texts = [one.title, one.idea, one.teacher, one.question, one.why, *one.options]
        texts += [step.text for step in one.steps]
        yield from ((f"lessons: {one.name}", text) for text in texts)


def compiled(found: Catalog, name: str) -> bytes:
    """A catalogue as gettext reads it.

    Raises:
        ValueError: a translation whose placeholders are not those of the original.
    """
    for message in found:
        if message.id and message.string and not message.fuzzy:
            _check(message, name)
    out = io.BytesIO()
    write_mo(out, found)
    return out.getvalue()


def _check(message: Message, name: str) -> None:
    plural = isinstance(message.id, tuple)
    original = message.id[1] if plural else message.id
    wanted = _fields(original)
    for said in message.string if plural else (message.string,):
        got = _fields(said) if said else wanted
        spared = {field for field in wanted if plural and field[0] == "n"}  # "one run" needs no n
        if wanted - spared != got - spared or not got <= wanted:
            raise ValueError(
                f"{name}: the translation of {original!r} must have the placeholders "
                f"{_told(wanted)}, got {_told(got)}. Write them as they stand in the original."
            )


def _fields(text: str) -> set[tuple[str, str, str]]:
    """The placeholders of a template; none where braces are no placeholders."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return set()
    return {(name, form or "", how or "") for _text, name, form, how in parts if name is not None}


def _told(fields: set[tuple[str, str, str]]) -> str:
    said = [f"{{{name}{'!' + how if how else ''}{':' + form if form else ''}}}"
            for name, form, how in sorted(fields)]  # fmt: skip
    return ", ".join(said) or "none"


def main(language: str = "") -> None:
    """Write the template; merge it into every language, compile each, and begin a new one."""
    TEMPLATE.parent.mkdir(exist_ok=True)
    TEMPLATE.write_text(template(), "utf-8")
    begun = {file.parts[-3]: file for file in FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.po")}
    if language:
        begun.setdefault(language, FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po")
    with TEMPLATE.open("rb") as file:
        fresh = read_po(file)
    for tag, place in begun.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        found = Catalog(locale=tag, project="PruneLab", charset="utf-8")
        if place.exists():
            found = read_po(io.BytesIO(place.read_bytes()), locale=tag)
        found.update(fresh)
        with place.open("wb") as file:
            write_po(file, found, width=100, include_lineno=False)
        place.with_suffix(".mo").write_bytes(compiled(found, str(place.relative_to(ROOT))))
        done = sum(bool(m.id and m.string and not m.fuzzy) for m in found)
        print(f"{tag}: {done} of {len(found)} texts translated")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
