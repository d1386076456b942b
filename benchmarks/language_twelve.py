"""A model of 12 blocks, 768 wide, scored on 128 × 256 tokens and pruned: time and memory.

    python benchmarks/language_twelve.py [--threads 2] [--print]

The weights are random: neither time nor memory depend on what they are. Writes its figures into
docs/language-models.md.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import torch
import transformers
from resident import asked, most
from written import put

from prunelab import lm
from prunelab.lm.anatomy import blocks

SEQUENCES, LENGTH, SPARSITY = 128, 256, 0.3
ASKED = (("neurons", "llm-rank"), ("weights", "wanda"))  # wanda runs every block twice


def model(depth: int = 12) -> Any:
    """GPT-2's shape with weights drawn at random."""
    torch.manual_seed(0)
    config = transformers.GPT2Config(n_positions=LENGTH, n_embd=768, n_layer=depth, n_head=12)
    return transformers.GPT2LMHeadModel(config).eval()


def pruning(unit: Any, method: str, depth: int = 12) -> Callable[[], Any]:
    """What is measured; what is loaded once is loaded."""
    net, ids = model(depth), torch.randint(0, 50_257, (SEQUENCES, LENGTH))
    lm.prune(model(1), ids[:2, :8], method, SPARSITY, unit=unit)
    return lambda: lm.prune(net, ids, method, SPARSITY, unit=unit)


def measured(unit: Any, method: str, threads: int) -> dict[str, float]:
    """Seconds and extra bytes of scoring and pruning, and what a block and its activations take."""
    block = sum(p.numel() * p.element_size() for p in blocks(model(1))[0].parameters())
    call = pruning(unit, method)
    start, busy = time.perf_counter(), time.process_time()
    call()
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    return {
        "seconds": seconds,
        "busy": busy,
        "extra": asked(__file__, unit, method, "--threads", str(threads)),
        "block": block,
        "passing": SEQUENCES * LENGTH * 768 * 4,
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
        found = measured(unit, method, threads)
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
    parser.add_argument("--extra", nargs=2, metavar=("UNIT", "METHOD"), help="only its memory")
    parser.add_argument("--blocks", type=int, default=12, help="how deep --extra is")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.extra:
        print(most(pruning(*given.extra, given.blocks)))
        return
    found = table(given.threads)
    print(found)
    if not given.print:
        put("language-models.md", "twelve", found)


if __name__ == "__main__":
    main()
