"""What PruneLab says, in the reader's language: English stands in the code, the rest in catalogues.

``_("Runs")`` and ``many("{n} run", "{n} runs", n)`` look up at the moment of showing. What a module
says later is marked where it stands, ``mark("Runs")``, and looked up where it is shown. What knows
no reader (an error, an event of a run, another process) says whole sentences in English, which are
kept and sent as such; ``anew`` says them in the reader's language where they are shown. Catalogues
are gettext's: ``locale/LANGUAGE/LC_MESSAGES/prunelab.mo``; where there is none, English is shown.
"""

from __future__ import annotations

import contextlib
import functools
import gettext
import os
import re
import string
from collections.abc import Callable
from pathlib import Path

Part = tuple[str, str | None, str | None, str | None]  # own words, then name, format, conversion
DOMAIN = "prunelab"
FOLDER = Path(__file__).parent / "locale"
_WORDS = 2  # a template of fewer would be found in anything
_SENTENCE_ENDS = re.compile(r"(?<=[.:]) ")
_IN_BROWSER = re.compile(r'aria-label="([^"$]+)"|>([A-Z][\w ,-]+)<|\bsay\(\s*"((?:[^"\\]|\\.)+)"')
_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_reader: Callable[[], str | None] = lambda: None  # noqa: E731 - until an app knows its readers


def ask(reader: Callable[[], str | None]) -> None:
    """Have ``reader`` tell the language of whoever looks, each time something is said."""
    global _reader  # noqa: PLW0603 - one process has one way to know its readers
    _reader = reader


def language() -> str:
    """The language to speak: that of the environment, else the reader's, else English.

    >>> language()
    'en'
    """
    told = os.environ.get("PRUNELAB_LANGUAGE") or _reader() or ""
    return told if _TAG.fullmatch(told) else "en"


def _(text: str, /, **values: object) -> str:
    """A text in the reader's language, its placeholders filled after it was translated.

    >>> _("{n} of {all} seen", n=2, all=12)
    '2 of 12 seen'
    """
    said = catalogue(language()).gettext(text) if text else ""
    return said.format(**values) if values else said


def many(one: str, more: str, n: int, /, **values: object) -> str:
    """A text about a number, in the form the language has for it; ``n`` can be written anew.

    >>> many("{n} run", "{n} runs", 1), many("{n} run", "{n} runs", 1200, n="1,200")
    ('1 run', '1,200 runs')
    """
    return catalogue(language()).ngettext(one, more, n).format(**{"n": n, **values})


def mark(text: str) -> str:
    """A text to be translated where it is shown, not here.

    >>> mark("Runs")
    'Runs'
    """
    return text


def phrase(text: str) -> str:
    """A sentence put together here, ``phrase(f"{name} has no bias.")``, and shown by ``anew``.

    Messages of errors, events and progress need no such mark.
    """
    return text


def in_browser(source: str) -> list[str]:
    """The texts of a component's page or script: those of elements, and ``say("Cut")``.

    >>> in_browser('<b aria-label="Zoom in">+</b><p>Left</p> say("{n} of {all}", { n, all })')
    ['Zoom in', 'Left', '{n} of {all}']
    """
    return [next(filter(None, found)) for found in _IN_BROWSER.findall(source)]


def anew(text: str) -> str:
    """A finished English sentence in the reader's language; what no template has made stays.

    The catalogue holds the template of each such sentence, so that the one it was made from can be
    found by its words, and the values in it, which may be sentences themselves. Several sentences
    are said one after the other.
    """
    found = catalogue(language())
    if not text or not _templates(found):
        return text
    if (said := _whole(found, text)) is not None:
        return said
    parts = _SENTENCE_ENDS.split(text)
    for end in range(len(parts) - 1, 0, -1):
        if (said := _whole(found, " ".join(parts[:end]))) is not None:
            return f"{said} {anew(' '.join(parts[end:]))}"
    return f"{parts[0]} {anew(' '.join(parts[1:]))}" if parts[1:] else text


def _whole(found: gettext.NullTranslations, text: str) -> str | None:
    """What one template has made, in another language; None if none has."""
    said = found.gettext(text)
    if said != text:
        return said
    for rarest, template in _templates(found):
        if rarest in text and (match := re.fullmatch(_shape(template), text, re.DOTALL)):
            values = {name: anew(value) for name, value in match.groupdict().items()}
            return found.gettext(template).format(**values)
    return None


@functools.lru_cache(maxsize=8)
def _templates(found: gettext.NullTranslations) -> list[tuple[str, str]]:
    """Each template with its longest piece; first those with the most words of their own."""
    templates = []
    for text in vars(found).get("_catalog", ()):
        parts = _parts(text) if isinstance(text, str) and "{" in text else []
        own = [words for words, *_field in parts]
        if len(re.findall(r"[A-Za-z]{2,}", " ".join(own))) >= _WORDS:
            templates.append((len("".join(own)), max(own, key=len), text))
    return [one[1:] for one in sorted(templates, reverse=True)]


def _parts(text: str) -> list[Part]:
    """A template in pieces; none where it is not one for plain values by name."""
    with contextlib.suppress(ValueError):
        parts = list(string.Formatter().parse(text))
        if all(name is None or (name.isidentifier() and not form) for _, name, form, _how in parts):
            return parts
    return []


def _shape(template: str) -> str:
    """What sentences of a template look like."""
    shape, seen = "", set()
    for own, name, _form, _how in _parts(template):
        shape += re.escape(own)
        if name:
            shape += f"(?P={name})" if name in seen else f"(?P<{name}>.*?)"
            seen.add(name)
    return shape


@functools.lru_cache(maxsize=64)
def catalogue(tag: str) -> gettext.NullTranslations:
    """The catalogue of a language, or of the one it is a kind of; English if there is neither."""
    whole = tag.replace("-", "_")
    return gettext.translation(DOMAIN, FOLDER, [whole, whole.partition("_")[0]], fallback=True)
