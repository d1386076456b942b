"""Measure rows, keep their numbers, and write the report."""

from __future__ import annotations

import argparse

import torch

from benchmarks.reproductions import book, report, runs


def main() -> None:
    """What was asked for, one row after the other; the report at the end."""
    rows = book.rows()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reproductions",
        description="Without arguments: write the report from what was measured before.",
    )
    parser.add_argument("--only", nargs="+", metavar="ROW", choices=list(rows), default=[])
    parser.add_argument("--all", action="store_true", help="every row: more than an hour")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in rows if given.all else given.only:
        print(f"{name}: {rows[name].claim}", flush=True)
        book.keep(name, book.measured(rows[name]))
        print(f"{name}: {report.said(rows[name], book.load()[name])}", flush=True)
    runs.forget()
    report.write(rows, book.load())


if __name__ == "__main__":
    main()
