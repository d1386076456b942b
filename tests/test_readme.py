"""README.md cannot rot: its method obeys the laws, its tables are fresh, its Python runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import reproduce_han

import prunelab
from prunelab import docs

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHECK = [sys.executable, "-m", "prunelab", "check"]
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def test_a_method_in_ten_lines_obeys_every_law(home, tmp_path):
    code = next(block for block in BLOCKS if "@method" in block)
    assert len(code.strip().splitlines()) <= 10
    file = tmp_path / "squared.py"
    file.write_text(code)
    command = [*CHECK, "--model", "lenet-300-100", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout
    assert "squared on lenet-300-100: counts are exact: holds" in done.stdout


def test_every_notebook_is_named_and_can_be_opened():
    for file in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"(notebooks/{file.stem}.md)" in README
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z]+)", README, flags=re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_a_method_that_forgets_its_promise_is_caught(home, tmp_path):
    file = tmp_path / "forgetful.py"
    file.write_text(
        "import torch\n"
        "from prunelab.probes import weights\n"
        "from prunelab.registry import method\n"
        "@method(unit='weights', paper='none', needs={'network'})\n"
        "def forgetful(net, data):\n"
        "    '''Keep whatever comes up.'''\n"
        "    return {n: torch.rand_like(w) for n, w in weights(net).items()}\n"
    )
    command = [*CHECK, "--model", "lenet-300-100", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert "scoring repeats: BROKEN: two calls chose different masks" in done.stdout
    assert "scoring leaves no trace: BROKEN" in done.stdout


def test_a_file_without_a_method_is_refused(tmp_path):
    from prunelab.checks import methods_in

    file = tmp_path / "empty.py"
    file.write_text("x = 1\n")
    with pytest.raises(ValueError, match="registers no method"):
        methods_in(file)


def test_the_python_of_the_readme_runs(home):
    code = next(block for block in BLOCKS if "pl.sweep" in block)
    fast = code.replace("seed=range(3)", "seed=range(2), epochs=2, recover_epochs=1")
    subprocess.run([sys.executable, "-c", fast], check=True, capture_output=True, cwd=ROOT)


@pytest.mark.parametrize("page", ["README.md", "docs/trees.md"])
def test_the_trees_of_the_pages_are_pruned(page, home):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)
    (code,) = (block for block in blocks if "PruningPath(" in block)
    told: dict[str, object] = {}
    exec(code + "\nsmall = path.one_se()", told)
    assert 1 < told["small"].get_n_leaves() < told["tree"].get_n_leaves()


def test_the_tables_are_those_of_the_registry():
    assert docs.refresh(write=False) == []


def test_the_numbers_are_those_of_the_records():
    records = json.loads((ROOT / "docs" / "reproductions.json").read_text(encoding="utf-8"))
    rounds, once = (records[name]["numbers"] for name in ("H-1", "H-4"))
    errors = [rounds["dense, error %"], rounds["pruned, error %"]]
    errors += [once["retrained, error %"], once["not retrained, error %"]]
    assert reproduce_han.words(reproduce_han.Found(*errors)) in README


def test_a_readme_without_its_tables_is_refused(monkeypatch, tmp_path):
    page = tmp_path / "README.md"
    page.write_text("nothing here")
    monkeypatch.setattr(docs, "README", page)
    with pytest.raises(ValueError, match="has no table 'methods'"):
        docs.refresh()


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_reading_path_is_short():
    files = re.findall(r"\]\((prunelab/[^)]+\.py|pages/[^)]+\.py)\)", README)
    lines = sum(len((ROOT / f).read_text(encoding="utf-8").splitlines()) for f in files)
    assert lines < 1500


def test_the_citation_names_this_version():
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", text, re.M).group(1) == prunelab.__version__
    assert "license: Apache-2.0" in text
