"""A model of 12 blocks, 768 wide, scored on 128 × 256 tokens and pruned: time and memory.

    python benchmarks/language_twelve.py [--threads 2] [--print]

The weights are random: neither time nor memory depend on what they are. Writes its figures into
docs/language-models.md.
"""

from __future__ import annotations

import argparse
import platform
import sys
import threading
import time
from typing import Any

import psutil
import torch
import transformers
from written import put

from prunelab import lm
from prunelab.lm.anatomy import blocks

SEQUENCES, LENGTH, SPARSITY = 128, 256, 0.3
ASKED = (("neurons", "llm-rank"), ("weights", "wanda"))  # wanda runs every block twice


class Peak:
    """The most memory of this process while it is open, in bytes, above what was there before."""

    def __enter__(self) -> Peak:
        self._process, self._over = psutil.Process(), threading.Event()
        self._before = self.most = self._process.memory_info().rss
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()
        self.most -= self._before

    def _look(self) -> None:
        while not self._over.wait(0.005):
            self.most = max(self.most, self._process.memory_info().rss)


def model() -> Any:
    """GPT-2's shape with weights drawn at random."""
    torch.manual_seed(0)
    config = transformers.GPT2Config(n_positions=LENGTH, n_embd=768, n_layer=12, n_head=12)
    return transformers.GPT2LMHeadModel(config).eval()


def measured(unit: Any, method: str) -> dict[str, float]:
    """Seconds and extra bytes of scoring and pruning, and what a block and its activations take."""
    net = model()
    ids = torch.randint(0, net.config.vocab_size, (SEQUENCES, LENGTH))
    block = sum(p.numel() * p.element_size() for p in blocks(net)[0].parameters())
    passing = SEQUENCES * LENGTH * 768 * 4
    lm.prune(model(), ids[:2, :8], method, SPARSITY, unit=unit)  # loads what is loaded once
    with Peak() as peak:
        start, busy = time.perf_counter(), time.process_time()
        lm.prune(net, ids, method, SPARSITY, unit=unit)
        seconds, busy = time.perf_counter() - start, time.process_time() - busy
    return {
        "seconds": seconds,
        "busy": busy,
        "extra": peak.most,
        "block": block,
        "passing": passing,
    }


def table(threads: int) -> str:
    """The rows as Markdown."""
    lines = [
        f"{platform.processor() or platform.machine()}, {threads} threads, torch "
        f"{torch.__version__}; load of the machine when it began {psutil.getloadavg()[0]:.1f}.",
        "",
        "| what | seconds | of processor | extra memory | what goes by | the rest, in blocks |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for unit, method in ASKED:
        found = measured(unit, method)
        beside = (found["extra"] - 2 * found["passing"]) / found["block"]
        lines.append(
            f"| `{method}`, 30 % of the {unit} | {found['seconds']:.0f} | {found['busy']:.0f} | "
            f"{found['extra'] / 2**20:.0f} MiB | {2 * found['passing'] / 2**20:.0f} MiB | "
            f"{max(0.0, beside):.1f} of {found['block'] / 2**20:.0f} MiB |"
        )
        sys.stderr.write(lines[-1] + "\n")
    return "\n".join(lines)


def main() -> None:
    """Measure, and put the table in its place."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--print", action="store_true", help="only print the table")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    found = table(asked.threads)
    sys.stdout.write(f"{found}\n")
    if not asked.print:
        put("language-models.md", "twelve", found)


if __name__ == "__main__":
    main()
