"""Makes the race that ships with PruneLab: ``python benchmarks/make_race.py``, about an hour.

Real runs: lottery tickets and their controls, LeNet-300-100 on digits, five sparsities, five seeds.
Runs are kept in the store, so a second call goes on where the first was stopped.
"""

from __future__ import annotations

import gzip
import json
import sys

import prunelab as pl
from prunelab import examples
from prunelab.events import Result
from prunelab.lottery import starters
from prunelab.spec import RunSpec

EPOCHS = 30  # as recommended for digits
SPARSITIES = (0.8, 0.9, 0.95, 0.98, 0.99)
SEEDS = 5
BASE = RunSpec(method="lottery-ticket", knobs=dict(examples.RACE_KNOBS))


def main() -> None:
    """Run the race and write its headline numbers."""
    race = [
        starter
        for seed in range(SEEDS)
        for starter in starters(BASE, SPARSITIES, [seed], epochs=EPOCHS)
    ]
    told = []
    for number, starter in enumerate(race, 1):
        result = pl.run(progress=False, **vars(starter.spec)).result
        sys.stderr.write(f"{number} of {len(race)}: {starter.lane} {starter.spec.key}\n")
        told.append([starter.lane, starter.sparsity, starter.spec.to_json(), headline(result)])
    text = json.dumps(told, separators=(",", ":"))
    with gzip.GzipFile(examples.FOLDER / "race.json.gz", "wb", mtime=0) as file:
        file.write(text.encode())


def headline(result: Result) -> dict[str, object]:
    """What the race needs of a run."""
    stages = {s: {"accuracy": getattr(result, s)["accuracy"]} for s in ("dense", "recovered")}
    return {"key": result.key, "status": result.status, "plan": dict(result.plan), **stages}


if __name__ == "__main__":
    main()
