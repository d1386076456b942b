"""A fake app: queues runs, says which are queued, looks after the engine; killed any time."""

from __future__ import annotations

import json
import sys
import time

from prunelab import engine
from prunelab.spec import RunSpec
from prunelab.store import Store, StoreError


def main():
    specs = [RunSpec.from_json(spec) for spec in json.loads(sys.argv[1])]
    while True:
        try:
            store = Store()
            for spec in specs:
                sys.stdout.write(engine.submit(store, spec) + "\n")
                sys.stdout.flush()
            while True:
                engine.ensure(store.home, store.url)
                time.sleep(0.2)
        except StoreError:  # a restart of the store: what an app does is show it and ask again
            time.sleep(0.2)


if __name__ == "__main__":
    main()
