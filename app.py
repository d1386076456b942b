"""PruneLab's app: the page list and nothing else. Start it with ``prunelab app``."""

from pages.ui import shell

if __name__ == "__main__":  # a process started by spawn runs this file again, under another name
    shell.run()
