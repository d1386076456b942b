"""Prunes the network that stands beside the first tree: ``python benchmarks/make_pair.py``."""

from __future__ import annotations

import shutil

from prunelab import aside, pair, treelab
from prunelab.pairing import compute
from prunelab.spec import RunSpec

TREE = RunSpec(data="moons", model="decision-tree", method="cost-complexity")
NET = RunSpec(data="moons", model="mlp")


def main() -> None:
    """Leave the answers where the Trees page finds them."""
    shutil.rmtree(pair.SHIPPED, ignore_errors=True)
    tree = treelab.grown(treelab.place(TREE))
    if tree is None or tree.plane is None:
        raise SystemExit("The first tree must be there, and in the plane.")
    ordered = pair.order(NET, tree.plane.axes)
    folder = pair.SHIPPED / pair.place(ordered).name
    folder.mkdir(parents=True)
    found = compute(ordered, lambda *_: None)
    pair.write(folder / pair.FILE, found)
    aside.write(folder, {"state": "ready", "doing": "", "share": 1.0})
    print(folder.name, [*zip(pair.LEFT, found.weights, found.validation, strict=True)])


if __name__ == "__main__":
    main()
