"""Language models people use: any causal model of transformers, pruned block by block.

``read`` a folder in Hugging Face's layout, ``prune`` it, ``perplexity`` of it, ``save`` it: what is
saved loads with plain transformers. ``python -m prunelab.lm`` does the same from a shell.
"""

from __future__ import annotations

from prunelab.lm.evaluate import agreement, continued, quality, tokens_per_second, windows
from prunelab.lm.folder import Language, read, save
from prunelab.lm.neurons import official_masks
from prunelab.lm.prune import Report, prune
from prunelab.lm.repair import finetune

__all__ = [
    "Language",
    "Report",
    "agreement",
    "continued",
    "finetune",
    "official_masks",
    "prune",
    "quality",
    "read",
    "save",
    "tokens_per_second",
    "windows",
]
