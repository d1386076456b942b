"""Sees to it that there is a PostgreSQL server for the tests that start one of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

DEBIAN = [
    ["apt-get", "update"],
    ["apt-get", "install", "-y", "--no-install-recommends", "postgresql"],
]


def main() -> int:
    """Install PostgreSQL on Debian as root; elsewhere its tests are skipped without it."""
    there = shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if there or not root or not shutil.which("apt-get"):
        return 0
    for command in DEBIAN:
        if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
            sys.stderr.write(f"No PostgreSQL: {' '.join(command)} failed; its tests are skipped.\n")
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
