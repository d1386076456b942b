"""Makes the study that the Structure page opens with: ``python benchmarks/make_structure.py``."""

from __future__ import annotations

from prunelab import aside, structure
from prunelab.spec import RunSpec

SPEC = RunSpec(model="lenet-5", method="l1-filter")


def main() -> None:
    """Look inside, and leave it where the page finds it."""
    name = structure.place(structure.order(SPEC)).name
    folder = structure.SHIPPED / name
    study = structure.look(SPEC, folder)
    aside.write(folder, {"state": "ready", "doing": "", "share": 1.0})
    told = structure.scanned(folder)
    print(folder.name, study.sizes, told.dense if told else None)


if __name__ == "__main__":
    main()
