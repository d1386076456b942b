"""What PruneLab says, in the reader's language: English stands in the code, the rest in catalogues.

``_("Runs")`` and ``many("{n} run", "{n} runs", n)`` look up at the moment of showing. What a module
says later is marked where it stands, ``mark("Runs")``, and looked up where it is shown. Catalogues
are gettext's: ``locale/LANGUAGE/LC_MESSAGES/prunelab.mo``; where there is none, English is shown.
"""

from __future__ import annotations

import functools
import gettext
import os
import re
from collections.abc import Callable
from pathlib import Path

DOMAIN = "prunelab"
FOLDER = Path(__file__).parent / "locale"
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


@functools.lru_cache(maxsize=64)
def catalogue(tag: str) -> gettext.NullTranslations:
    """The catalogue of a language, or of the one it is a kind of; English if there is neither."""
    whole = tag.replace("-", "_")
    return gettext.translation(DOMAIN, FOLDER, [whole, whole.partition("_")[0]], fallback=True)
