"""One catalogue holds what the app says, and a translation that would break a text is refused."""

from __future__ import annotations

import ast
import gettext
import io
import string
import threading

import pytest
import sentences
import tongue
import words
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from prunelab import speech
from prunelab.__main__ import main


def translated(*pairs):
    """A catalogue of German with these messages, as gettext reads it."""
    made = Catalog(locale="de", charset="utf-8")
    for text, said in pairs:
        made.add(text, said)
    return words.compiled(made, "de")


@pytest.fixture
def german(tmp_path, monkeypatch):
    place = tmp_path / "de" / "LC_MESSAGES"
    place.mkdir(parents=True)
    pairs = [("Runs", "Läufe"), (("{n} run", "{n} runs"), ("ein Lauf", "{n} Läufe"))]
    (place / "prunelab.mo").write_bytes(translated(*pairs, ("{n} of {all}", "von {all} {n}")))
    monkeypatch.setattr(speech, "FOLDER", tmp_path)
    speech.catalogue.cache_clear()
    yield
    speech.catalogue.cache_clear()


def test_the_catalogue_is_what_the_sources_say_now():
    kept = words.TEMPLATE.read_text("utf-8")
    assert words.template() == kept, "Texts have changed: run make words, and commit the .pot."


def test_the_environment_chooses_the_language(german, monkeypatch):
    assert speech._("Runs") == "Runs"
    monkeypatch.setenv("PRUNELAB_LANGUAGE", "de")
    assert speech._("Runs") == "Läufe"
    assert speech._("{n} of {all}", n=1, all=3) == "von 3 1"
    assert [speech.many("{n} run", "{n} runs", n) for n in (1, 2)] == ["ein Lauf", "2 Läufe"]
    assert speech._("Not translated") == "Not translated"
    assert speech._("") == ""


@pytest.mark.parametrize("tag", ["de", "de-AT", "de_CH"])
def test_a_reader_gets_the_language_of_the_browser(german, monkeypatch, tag):
    monkeypatch.setattr(speech, "_reader", lambda: tag)
    assert speech._("Runs") == "Läufe"


@pytest.mark.parametrize("tag", ["fr", "../de", "", None, "d" * 300])
def test_a_language_that_is_not_there_or_none_is_english(german, monkeypatch, tag):
    monkeypatch.setattr(speech, "_reader", lambda: tag)
    assert speech._("Runs") == "Runs"


def test_a_finished_sentence_is_said_anew_and_what_stands_in_it(monkeypatch):
    tongue.speak(monkeypatch)
    told = "There is no method 'magnitud'. Did you mean 'magnitude'?"
    assert speech.anew(told) == "⟦There is no ⟦method⟧ 'magnitud'. ⟦Did you mean 'magnitude'?⟧⟧"
    told = "The scan in 3f is damaged (the run needs 3 epochs).\nAnd so on."
    assert speech.anew(told) == told
    assert speech.anew("Nobody says this: 1.") == "Nobody says this: 1."
    assert speech.anew("") == ""


def test_a_finished_sentence_stays_in_english_where_there_is_no_other_language():
    told = "The run needs 12 epochs; the limit is 3."
    assert speech.anew(told) == told


def test_the_command_line_speaks_the_language_of_the_environment(monkeypatch, capsys):
    tongue.speak(monkeypatch)
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    assert "--sparsity FLOAT" in (told := capsys.readouterr().out)
    assert "⟦no progress bar⟧" in told
    assert "⟦learning rate⟧" in told
    assert main(["run", "--sparsity", "2"]) == 2
    assert capsys.readouterr().err.startswith("prunelab: ⟦sparsity must be at least 0")


def test_each_sentence_of_the_library_is_found_again(monkeypatch):
    """None is so like another that a reader would be told something else."""
    tongue.speak(monkeypatch)
    known, unlike = tongue.brackets(), []
    for _place, template in words._sentences():
        names = {name for _own, name, *_form in string.Formatter().parse(template) if name}
        values = {name: f"‹{place}›" for place, name in enumerate(sorted(names))}
        said = known.gettext(template).format(**values) if names else known.gettext(template)
        if len(template.split()) > 2 and speech.anew(template.format(**values)) != said:
            unlike.append(template)
    assert unlike == []


def test_templates_are_taken_from_the_source():
    source = """
raise SpecError(f"{path.name} takes {size / 2**20:,.0f} MiB; {{}} {path.name} {names[0]!r}.")
raise StoreError("Empty." if empty else f"{len(rows):,} rows.")
raise Broken("of a law")
yield Warned(message=f"{', '.join(lost)} is lost")
tell(f"Cutting {place}", 0.5)
phrase(f"{known.get('x')} {name or 'none'} {self._name()} {1}")
"""
    assert set(sentences.templates(source)) == {
        "{name} takes {size} MiB; {{}} {name} {names}.", "Empty.", "{rows} rows.",
        "{lost} is lost", "Cutting {place}", "{value} {name} {self} {value4}",
    }  # fmt: skip


def test_two_readers_at_once_have_a_language_each(german, monkeypatch):
    own = threading.local()
    monkeypatch.setattr(speech, "_reader", lambda: getattr(own, "tag", None))
    said = {}

    def read(tag):
        own.tag = tag
        said[tag] = speech._("Runs")

    for tag in ("de", "en"):
        thread = threading.Thread(target=read, args=(tag,))
        thread.start()
        thread.join()
    assert said == {"de": "Läufe", "en": "Runs"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{n} of {all} seen", "{n} gesehen"),
        ("{n} seen", "{m} gesehen"),
        ("{change:+.1f} points", "{change} Punkte"),
        (("{n} run of {all}", "{n} runs of {all}"), ("ein Lauf", "{n} Läufe von {all}")),
    ],
)
def test_placeholders_that_do_not_match_are_refused(text, said):
    with pytest.raises(ValueError, match=r"de: the translation of .* must have the placeholders"):
        translated((text, said))


def test_languages_that_ship_are_compiled_and_whole():
    for file in speech.FOLDER.glob("*/LC_MESSAGES/prunelab.po"):
        made = words.compiled(read_po(io.BytesIO(file.read_bytes())), file.parts[-3])
        kept = gettext.GNUTranslations(io.BytesIO(file.with_suffix(".mo").read_bytes()))
        assert kept._catalog == gettext.GNUTranslations(io.BytesIO(made))._catalog, file


def test_a_language_is_begun_and_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(words, "ROOT", tmp_path)
    monkeypatch.setattr(words, "FOLDER", tmp_path)
    monkeypatch.setattr(words, "TEMPLATE", tmp_path / "prunelab.pot")
    monkeypatch.setattr(words, "template", lambda: 'msgid "Runs"\nmsgstr ""\n')
    words.main("de")
    assert capsys.readouterr().out == "de: 0 of 1 texts translated\n"
    po = tmp_path / "de" / "LC_MESSAGES" / "prunelab.po"
    po.write_text(po.read_text("utf-8").replace('"Runs"\nmsgstr ""', '"Runs"\nmsgstr "Läufe"'))
    words.main()
    assert capsys.readouterr().out == "de: 1 of 1 texts translated\n"
    assert "Läufe".encode() in po.with_suffix(".mo").read_bytes()


def test_nothing_else_is_called_as_texts_are():
    """A loop over _ would hide the function that looks texts up."""
    for file in words.sources():
        nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
        looks_up = any(isinstance(n, ast.alias) and n.name == "_" for n in nodes)
        names = [node for node in nodes if looks_up and _binds(node)]
        assert [f"{file}:{node.lineno}" for node in names] == []


def _binds(node):
    stored = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == "_"
    return stored or (isinstance(node, ast.arg) and node.arg == "_")
