"""The exhibits in the order of the museum."""

from __future__ import annotations

import importlib
from typing import Any

from prunelab.experiment import one_thread
from prunelab.museum.exhibit import Exhibit
from prunelab.spec import SpecError

ORDER = (
    "mask_removed", "raw_scores", "same_object", "scored_on_training", "tied_scores",
    "norm_forgotten", "chosen_on_test", "old_momentum", "stacked_percent", "forgotten_inputs",
    "unequal_training", "picked_seed",
)  # fmt: skip


def exhibit(name: str) -> Exhibit:
    """An exhibit by its name.

    Raises:
        SpecError: there is none of that name.
    """
    if name not in ORDER:
        raise SpecError(f"The museum has no exhibit {name!r}; it has: {', '.join(ORDER)}.")
    found: Exhibit = importlib.import_module(f"prunelab.museum.exhibits.{name}").EXHIBIT
    return found


def told(name: str) -> dict[str, Any]:
    """Everything about an exhibit as plain data; it is run for that, on one thread."""
    with one_thread():
        return exhibit(name).told()
