"""What a second machine needs to know to get the same numbers."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import sklearn
import torch

import prunelab
from prunelab.job import Job, device
from prunelab.strands import mine


def manifest(job: Job) -> dict[str, Any]:
    """What a second machine needs to know to get the same numbers."""
    return {
        "prunelab": prunelab.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "device": str(device()),
        "threads": torch.get_num_threads(),
        "seed": job.spec.seed,
        "data": job.parts.digest,
        **({"together": True} if mine() else {}),  # with others, where that is faster
    }
