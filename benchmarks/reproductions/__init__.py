"""What the papers say and what comes out here, row by row.

    python -m benchmarks.reproductions --only S-1 H-2    # measures these rows, writes the report
    python -m benchmarks.reproductions --all             # all of them: more than an hour

A row is a function that returns numbers, one a seed. They are kept in ``docs/reproductions.json``,
and ``docs/reproductions.md`` is written from that file alone.
"""
