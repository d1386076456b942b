"""The wheel holds what an installed PruneLab needs: trees are grown, pruned and read from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OLD = shutil.ignore_patterns("__pycache__")
STORY = """
import prunelab, sys, time
assert prunelab.__file__.startswith(sys.argv[1]), prunelab.__file__
from prunelab import treelab
from prunelab.spec import RunSpec

spec = RunSpec(data="moons", model="decision-tree", method="cost-complexity")
shipped = treelab.grown(treelab.place(spec))
assert shipped.leaves == 59, shipped.leaves

grown = treelab.start(RunSpec.from_json({**spec.to_json(), **{"data_knobs": {"rows": 100}}}))
while treelab.look(grown).name == "growing":
    time.sleep(0.1)
assert treelab.grown(grown).leaves > 1, treelab.look(grown).reason

from sklearn.datasets import load_iris
from prunelab.trees import PrunedTreeClassifier

tree = PrunedTreeClassifier("pessimistic-error", random_state=0)
print(tree.fit(*load_iris(return_X_y=True)).get_n_leaves())
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but what the wheel holds."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT / "prunelab", source / "prunelab", ignore=OLD)
    for file in ("pyproject.toml", "README.md", "LICENSE", *map(str, ROOT.glob("requirements*"))):
        shutil.copy(ROOT / file, source)
    build = "from setuptools.build_meta import build_wheel; build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = source.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(out)
    return out


def test_every_file_of_the_package_is_in_the_wheel(installed: Path) -> None:
    here = {p.relative_to(ROOT) for p in (ROOT / "prunelab").rglob("*") if p.is_file()}
    wanted = {p for p in here if "__pycache__" not in p.parts}
    there = {p.relative_to(installed) for p in (installed / "prunelab").rglob("*") if p.is_file()}
    assert wanted - there == set()


def test_trees_are_grown_and_pruned_by_the_installed_package(installed: Path, tmp_path: Path):
    environment = os.environ | {"PYTHONPATH": str(installed), "PRUNELAB_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", STORY, str(installed)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "4", done.stderr[-2000:]
