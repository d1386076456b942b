"""The notebooks: one story each, and the text one reviews says what the notebook does."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(file.stem for file in FOLDER.glob("*.ipynb"))
DRAWS = re.compile(r"\.plot\b|go\.Figure|make_subplots|\.figure\b")


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_there_are_ten():
    assert [name[:2] for name in NAMES] == [f"{n:02}" for n in range(1, 11)]
    assert sorted(file.stem for file in FOLDER.glob("*.md")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_text_and_notebook_are_one(name):
    text = jupytext.read(FOLDER / f"{name}.md")
    cells = [[(c.cell_type, c.source) for c in book.cells] for book in (text, read(name))]
    assert cells[0] == cells[1], "the two differ: make pair, the later one wins"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_story_without_its_end(name):
    cells = read(name).cells
    said = "\n".join(c.source for c in cells if c.cell_type == "markdown")
    code = [c for c in cells if c.cell_type == "code"]
    assert all(not c.outputs and c.execution_count is None for c in code)
    assert cells[0].source.startswith("# ")
    assert re.search(r"\bguess|Predict", said, re.I)  # a prediction comes first
    assert any(DRAWS.search(c.source) for c in code)
    exercise = said.rsplit("## Exercise", 1)[1]
    assert re.search(r"<details><summary>.*[Ss]olution", exercise)
    for solution in re.findall(r"```python\n(.*?)```", exercise, re.DOTALL):
        compile(solution, name, "exec")
