"""Run every notebook from top to bottom in a fresh kernel; copies go to build/notebooks."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "notebooks"


def main() -> int:
    """Execute the notebooks named on the command line, or all; the first error ends it."""
    named = [Path(name) for name in sys.argv[1:]]
    BUILD.mkdir(parents=True, exist_ok=True)
    for path in named or sorted(HERE.glob("*.ipynb")):
        start = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(HERE))
        nbformat.write(notebook, BUILD / path.name)
        sys.stdout.write(f"{path.name}: {time.perf_counter() - start:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
