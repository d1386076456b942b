"""Asks every method about the examples, for their "why?": ``python benchmarks/make_reasons.py``."""

from __future__ import annotations

import shutil

from prunelab import aside, examples, reasons
from prunelab.reasoning import compute
from prunelab.spec import RunSpec


def main() -> None:
    """Leave the answers where the app finds them, without those of before."""
    shutil.rmtree(reasons.SHIPPED, ignore_errors=True)
    for result in (examples.example().result, examples.data()):
        ordered = reasons.order(RunSpec.from_json(result.spec))
        folder = reasons.SHIPPED / reasons.place(ordered).name
        folder.mkdir(parents=True)
        notes = compute(ordered, folder, lambda *_: None)
        aside.write(folder, {"state": "ready", "doing": "", "share": 1.0, "notes": notes})
        print(result.key, folder.name, notes)


if __name__ == "__main__":
    main()
