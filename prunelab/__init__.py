"""PruneLab: see, measure and argue about pruning. ``import prunelab as pl`` costs nothing.

Public names are loaded on first use (PEP 562), so that neither torch nor scikit-learn is imported
until something needs it.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from prunelab.catalogue import catalogue
    from prunelab.crossing import breakeven
    from prunelab.experiment import prune
    from prunelab.foresight import forecast
    from prunelab.notebook import example, load, race, run, stored, sweep
    from prunelab.searching import balance
    from prunelab.spec import RunSpec, SpecError
    from prunelab.subset import ExamplePruner
    from prunelab.timing import moments

_HOMES = {
    "run": "prunelab.notebook",
    "sweep": "prunelab.notebook",
    "load": "prunelab.notebook",
    "balance": "prunelab.searching",
    "stored": "prunelab.notebook",
    "breakeven": "prunelab.crossing",
    "example": "prunelab.notebook",
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
    "balance",
    "breakeven",
    "catalogue",
    "example",
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
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        """Importing a submodule binds it here: one named as its function must not hide that."""
        if name in _HOMES and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
