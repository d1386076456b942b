"""Runs every exhibit of the failure museum for the copy that ships: ``make_museum.py``."""

from __future__ import annotations

import json
import sys
from typing import Any

from prunelab.collection import SHIPPED
from prunelab.museum.rooms import ORDER, told


def _short(value: Any) -> Any:
    """Numbers to six places: the last digits differ between machines."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _short(one) for key, one in value.items()}
    return [_short(one) for one in value] if isinstance(value, list) else value


def main() -> None:
    """Run them and write the file."""
    found = {}
    for name in ORDER:
        found[name] = _short(told(name))
        sys.stderr.write(f"{name}: {found[name]['shown']}\n")
    SHIPPED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
