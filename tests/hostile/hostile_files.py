"""Files that mean harm or are broken, each with the sentence that refuses it."""

from __future__ import annotations

from hostile_archives import ARCHIVES
from hostile_data import DATA
from hostile_pickles import PICKLES
from hostile_pictures import PICTURES
from hostile_tensors import TENSORS
from hostile_trees import SKOPS

ALL = {
    f"{group}: {name}": case
    for group, cases in (
        ("pickle", PICKLES),
        ("safetensors", TENSORS),
        ("zip", ARCHIVES),
        ("skops", SKOPS),
        ("data", DATA),
        ("picture", PICTURES),
    )
    for name, case in cases.items()
}
