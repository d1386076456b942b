"""The documentation: built without a warning, names all there is, and its Python runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import prunelab
from prunelab.__main__ import parser
from prunelab.catalogue import catalogue

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WRITTEN = ("start.md", "speed.md", "how-it-works.md", "add-a-method.md")


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


@pytest.mark.parametrize("name", WRITTEN)
def test_the_python_of_a_page_runs(name, home, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text("utf-8"), flags=re.DOTALL)
    assert blocks
    code = "\n".join(blocks).replace("sparsity=0.9)", "sparsity=0.9, epochs=2, recover_epochs=1)")
    code = code.replace("sparsity=0.5)", "sparsity=0.5, epochs=2, recover_epochs=1)")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
