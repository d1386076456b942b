"""PruneLab: see, measure and argue about pruning. ``import prunelab as pl`` costs nothing.

Public names are loaded on first use (PEP 562), so that neither torch nor scikit-learn is imported
until something needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from prunelab.catalogue import catalogue
    from prunelab.experiment import prune
    from prunelab.foresight import forecast
    from prunelab.notebook import load, race, run, stored, sweep
    from prunelab.spec import RunSpec, SpecError
    from prunelab.subset import ExamplePruner
    from prunelab.timing import moments

_HOMES = {
    "run": "prunelab.notebook",
    "sweep": "prunelab.notebook",
    "load": "prunelab.notebook",
    "stored": "prunelab.notebook",
    "race": "prunelab.notebook",
    "prune": "prunelab.experiment",
    "forecast": "prunelab.foresight",
    "catalogue": "prunelab.catalogue",
    "moments": "prunelab.timing",
    "ExamplePruner": "prunelab.subset",
    "RunSpec": "prunelab.spec",
    "SpecError": "prunelab.spec",
}
__all__ = [
    "ExamplePruner",
    "RunSpec",
    "SpecError",
    "catalogue",
    "forecast",
    "load",
    "moments",
    "prune",
    "race",
    "run",
    "stored",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"prunelab has no {name!r}; it has {', '.join(__all__)}.")
    module = importlib.import_module(_HOMES[name])
    # A submodule of the same name must not hide the function: bind it once, here.
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
