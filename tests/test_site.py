"""The documentation: built without a warning, names all there is, and its Python runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import joblib
import language_models
import numpy as np
import pytest
import torch
import written as writing
from sklearn.tree import DecisionTreeClassifier
from torch import nn

import prunelab
import prunelab as pl
from prunelab import lm, notebook
from prunelab.__main__ import parser
from prunelab.catalogue import catalogue
from prunelab.datasets.tales import written

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WRITTEN = ("reference/", "notebooks/")  # by docs/reference.py, when the site is built
TOLD = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
SHORT = {"epochs": 1, "recover_epochs": 1, "progress": False}


def blocks(page, language):
    """The fenced blocks of a page, as lines."""
    found = re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)
    return [block.splitlines() for block in found]


def python(page):
    """The Python of a page, block by block."""
    return ["\n".join(block) for block in blocks(page, "python")]


PAGES = [page for page in TOLD if page.parent == DOCS and python(page)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as text, page by page."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "text", str(DOCS), str(out)]
    environment = os.environ | {"PRUNELAB_HOME": str(tmp_path_factory.mktemp("home"))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return {str(f.relative_to(out)): f.read_text(encoding="utf-8") for f in out.rglob("*.txt")}


def test_everything_there_is_has_its_place(site):
    known = catalogue()
    assert {f"reference/methods/{name}.txt" for name in known["methods"]} <= set(site)
    for name, entry in known["methods"].items():
        card = site[f"reference/methods/{name}.txt"]
        assert "Worked through" in card
        assert all(f'"{knob["name"]}"' in card for knob in entry["knobs"])
    for shelf, page in (("models", "models"), ("datasets", "data")):
        text = site[f"reference/{page}.txt"]
        assert all(re.search(rf"^{re.escape(name)}$", text, re.M) for name in known[shelf])
        knobs = {knob["name"] for entry in known[shelf].values() for knob in entry["knobs"]}
        assert {knob for knob in knobs if f'"{knob}"' not in text} == set()
    books = {file.stem for file in (ROOT / "notebooks").glob("*.ipynb")}
    assert {f"notebooks/{name}.txt" for name in books} <= set(site)


def test_every_command_flag_name_and_page_is_told(site):
    flags = set(re.findall(r"--[a-z][a-z-]+", _helps()))
    assert len(flags) > 20
    told = site["reference/command-line.txt"]
    assert all(flag in told for flag in flags - {"--help"})
    python = site["reference/python.txt"]
    assert all(re.search(rf"^{name}$", python, re.M) for name in prunelab.__all__)
    pages = site["reference/pages.txt"]
    stems = {file.stem for file in (ROOT / "pages").glob("*.py")} - {"home"}
    assert all(f'"/{stem}"' in pages for stem in stems)


def _helps():
    import argparse

    def texts(top):
        yield top.format_help()
        for action in top._actions:
            if isinstance(action, argparse._SubParsersAction):
                for below in action.choices.values():
                    yield from texts(below)

    return "\n".join(texts(parser()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page, home, tmp_path, monkeypatch):
    """All of it, in order, with trainings of one epoch and files of the reader's own made here."""
    code = "\n".join(python(page)).replace(*LESS.get(page.name, ("", "")))
    if "@method" in code:
        (tmp_path / "mine.py").write_text(code)
        command = [sys.executable, "-c", "import mine"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-2000:]
        return
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pl, "run", lambda **words: notebook.run(**words | SHORT))
    monkeypatch.setattr(pl, "sweep", lambda **words: notebook.sweep(**words | SHORT))
    exec(compile(code, page.name, "exec"), OWN.get(page.name, dict)())


def own_network():
    """What docs/structured.md calls the reader's own."""
    return {
        "net": nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)),
        "x": torch.ones(2, 4),
    }


def own_files():
    """Pickles that docs/own-models-and-export.md turns into files without code."""
    torch.save({"weight": torch.ones(2)}, "mine.pt")
    joblib.dump(DecisionTreeClassifier().fit([[0], [1]], [0, 1]), "mine.joblib")
    return {"x": np.ones((2, 3)), "y": np.ones(2)}


def own_language_model():
    """A folder in Hugging Face's layout, and texts, for docs/language-models.md."""
    net = language_models.model("llama")
    net.config.max_position_embeddings = 256  # rotary positions go as far as one says
    lm.save(lm.Language(net, language_models.tokenizer()), Path("FOLDER"))
    return {"text": written(20_000), "held_out": written(2_000)}


LESS = {"learning.md": ('data="digits"', 'data="iris"')}  # a smaller network to lay out
OWN = {
    "structured.md": own_network,
    "own-models-and-export.md": own_files,
    "language-models.md": own_language_model,
}


def test_what_is_typed_into_a_shell_is_understood():
    lines = [line for page in TOLD for block in blocks(page, "(?:sh|bash)") for line in block]
    told = [words for line in lines if (words := shlex.split(line, comments=True))]
    commands = [w[n + 1 :] for w in told for n, p in enumerate(w) if p.endswith("prunelab")]
    commands = [words for words in commands if words and not words[0].endswith("prunelab")]
    assert len(commands) > 10
    for words in commands:
        parser().parse_args(words)
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    made = {w[1] for w in told if w[0] == "make"}
    assert made <= set(targets)
    files = {w for words in told for w in words if w.startswith(("benchmarks/", "notebooks/"))}
    assert all((ROOT / name).exists() for name in files)


@pytest.mark.parametrize("page", TOLD, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """Files that are there, headings that are there; addresses elsewhere are at least whole."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in target:
            assert re.fullmatch(r"https://[\w.-]+\.[a-z]{2,}(/\S*)?", target), target
        elif not target.startswith(WRITTEN):
            path, _, part = target.partition("#")
            there = page.parent / path if path else page
            assert there.exists(), target
            assert not part or part in anchors(there), target


def anchors(page):
    """What its headings are called in an address."""
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


SCRIPTS = {file.name: file.read_text("utf-8") for file in (ROOT / "benchmarks").glob("*.py")}
WHOLE = re.compile(r"[Ww]ritten by `|is read from `reproductions.json`")  # a page of a script's
MEASURED = [page for page in TOLD if not WHOLE.search(page.read_text("utf-8"))]


@pytest.mark.parametrize("page", MEASURED, ids=lambda page: page.name)
def test_what_was_measured_stands_where_a_script_writes_it(page):
    """Nobody types a spread by hand; who runs the script named beside it gets the table anew."""
    text, where = page.read_text("utf-8"), os.path.relpath(page, DOCS)
    for name in re.findall(r"<!-- (?!table: |end )(.+) -->", text):
        found = [n for n, code in SCRIPTS.items() if f'put("{where}"' in code and _says(code, name)]
        assert found, name
        assert any(n in text or n == "reproduce_han.py" for n in found), found
    outside = re.sub(r"<!-- (?!end ).*?<!-- end -->", "", text, flags=re.S)
    assert re.findall(r"^\|.*\d (?:±|–) ?\d.*$", outside, re.M) == []


def _says(code, name):
    return f'"{name}"' in code or f'f"{name.partition(" ")[0]} {{' in code


def test_a_block_that_is_not_there_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "DOCS", tmp_path)
    (tmp_path / "page.md").write_text("a <!-- one -->\nold\n<!-- end --> b")
    writing.put("page.md", "one", "new")
    assert (tmp_path / "page.md").read_text() == "a <!-- one -->\nnew\n<!-- end --> b"
    with pytest.raises(SystemExit, match="must have one block 'two', found 0"):
        writing.put("page.md", "two", "new")


def test_every_setting_of_the_environment_is_told():
    used = set()
    for file in (ROOT / "prunelab").rglob("*.py"):
        used |= set(re.findall(r"\"(PRUNELAB_[A-Z_]+)\"", file.read_text("utf-8")))
    told = "".join(page.read_text("utf-8") for page in TOLD)
    assert len(used) > 10
    assert {name for name in used if name not in told} == set()


def test_each_of_the_pains_is_answered():
    questions = re.findall(r"^\*\*.+\*\*$", (DOCS / "faq.md").read_text("utf-8"), re.M)
    assert len(questions) >= 25
