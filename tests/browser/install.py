"""Sees to it that there is a browser for the stories: the system's own, else Playwright's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DEBIAN = [["apt-get", "update"], ["apt-get", "install", "-y", "chromium"]]
ELSEWHERE = [[sys.executable, "-m", "playwright", "install", "chromium"]]


def main() -> int:
    """Install a browser unless there is one."""
    if any(map(shutil.which, BROWSERS)):
        return 0
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    for command in DEBIAN if root and shutil.which("apt-get") else ELSEWHERE:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            sys.stderr.write(f"No browser: {' '.join(command)} failed; install Chromium.\n")
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
