"""Who may import whom, how long a file may be, and that importing costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "sklearn", "distributed", "dask", "skops", "safetensors.torch"}
DESK = {
    "__init__", "spec", "events", "store", "database", "row", "ledger", "catalogue", "engine",
    "choices", "knobs", "files", "figures", "layers", "local", "notebook", "cli", "docs", "launch",
    "registry", "schedules", "parts", "examples", "processes", "own", "harmless", "imports",
    "export", "npz", "__main__", "space", "limits", "storage", "turns", "told", "log", "journal",
    "patience", "migrations", "operations", "backup", "treelab", "packing", "lottery", "presets",
    "plots", "cards", "foresight", "timing", "aside", "texts", "controls", "fair", "tables",
    "searching", "bearing", "summaries", "exports", "structure", "scissors", "collection",
    "prediction", "sketches", "answers", "crossing", "xray", "microscope", "lessons", "talk",
    "pretrained", "trackers", "tracking", "why", "reasons", "pair", "classroom", "speech",
    "shelves",
}  # fmt: skip
# What a part of the bench may know beside plain data and words; a name stands for its package.
MAY = {
    "ranking": set(),
    "masks": {"ranking"},
    "probes": set(),
    "surgery": {"probes"},
    "measure": {"dead", "masks", "probes", "parts", "surgery", "trees"},
    "units": {"registry", "masks", "probes", "surgery", "trees", "parts"},
    "methods": {
        "course",
        "cover",
        "filters",
        "masks",
        "pagerank",
        "parts",
        "paths",
        "probes",
        "ranking",
        "rating",
        "registry",
        "rewiring",
        "stepwise",
        "surgery",
        "training",
        "trees",
        "units",
    },
    "models": {"registry", "spec"},
    "datasets": {"registry", "parts", "spec", "files", "npz", "downloads", "texts"},
}
FILES = sorted((ROOT / "prunelab").rglob("*.py"))
PAGES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]


def name_of(file: Path) -> str:
    inside = file.relative_to(ROOT / "prunelab")
    return inside.parts[0].removesuffix(".py")


def imports(file: Path, *, everywhere: bool = True) -> set[str]:
    """Modules a file imports; with ``everywhere`` also inside functions."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree)) if everywhere else list(_at_import(tree.body))
    found = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    found |= {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module}
    names = {
        f"{n.module}.{a.name}" for n in nodes if isinstance(n, ast.ImportFrom) for a in n.names
    }
    return found | {n for n in names if n.startswith("prunelab.")}


def _at_import(body):
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_the_library_does_not_know_the_screen(file):
    assert not any(m.split(".")[0] == "streamlit" for m in imports(file))


@pytest.mark.parametrize(
    "file", [f for f in FILES if name_of(f) in DESK], ids=lambda f: str(f.relative_to(ROOT))
)
def test_the_desk_loads_nothing_heavy(file):
    loaded = imports(file, everywhere=False)
    assert not {m for m in loaded if m in HEAVY or m.split(".")[0] in HEAVY}


@pytest.mark.parametrize("file", PAGES, ids=lambda f: str(f.relative_to(ROOT)))
def test_pages_know_only_the_desk(file):
    ours = {m.split(".")[1] for m in imports(file) if m.startswith("prunelab.")}
    assert ours <= DESK
    assert not {m for m in imports(file) if m.split(".")[0] in HEAVY}


@pytest.mark.parametrize(
    "file", [f for f in FILES if name_of(f) in MAY], ids=lambda f: str(f.relative_to(ROOT))
)
def test_the_bench_keeps_its_layers(file):
    ours = {m.split(".")[1] for m in imports(file) if m.startswith("prunelab.")}
    assert ours <= MAY[name_of(file)] | {name_of(file), "spec", "events", "speech"}


def test_methods_do_not_know_each_other():
    for file in (ROOT / "prunelab" / "methods").glob("*.py"):
        assert not any(m.startswith("prunelab.methods") for m in imports(file)), file


def test_the_experiment_does_not_know_the_store():
    for name in ("experiment", "run_network", "run_tree", "job", "training", "checks"):
        ours = imports(ROOT / "prunelab" / f"{name}.py")
        assert not {m for m in ours if m.startswith(("prunelab.store", "prunelab.engine"))}


@pytest.mark.parametrize("file", [*FILES, *PAGES], ids=lambda f: str(f.relative_to(ROOT)))
def test_files_and_functions_stay_small(file):
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 320
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            doc = ast.get_docstring(node) or ""
            lines = node.end_lineno - node.lineno + 1 - len(doc.splitlines())
            assert lines <= 50, f"{node.name} has {lines} lines"


@pytest.mark.parametrize(
    "first", ["import prunelab.catalogue", "from prunelab import spec", "pass"]
)
def test_a_submodule_does_not_hide_the_function_of_its_name(first):
    code = f"{first}; import prunelab as pl; assert pl.catalogue.__name__ == 'catalogue'; "
    code += "assert 'magnitude' in pl.catalogue()['methods']"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_importing_costs_nothing():
    code = (
        "import sys, prunelab as pl; "
        "assert not {'torch', 'sklearn', 'numpy', 'pandas', 'streamlit'} & set(sys.modules); "
        "import prunelab.catalogue, prunelab.cli, prunelab.__main__; "
        "assert not {'torch', 'sklearn', 'dask', 'streamlit'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
