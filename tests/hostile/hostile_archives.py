"""Archives that would burst, lead elsewhere, or hold something else."""

from __future__ import annotations

from making_files import (
    GOOD,
    Case,
    bomb,
    declared,
    encrypted,
    many_names,
    twice,
    with_link,
    zipped,
)

ARCHIVES = {
    "a bomb": Case("x.zip", bomb, r"would grow 1,0\d\d times when unpacked"),
    "a bomb called npz": Case("x.npz", lambda: bomb("x.npy"), "would grow 1,0"),
    "a bomb called skops": Case("x.skops", lambda: bomb("schema.json"), "would grow 1,0"),
    "4 GB declared": Case("x.zip", lambda: declared(2**32 - 2), "unpacks to 4,096 MiB"),
    "a zip in a zip": Case(
        "x.zip", lambda: zipped({"in.zip": zipped({"a": b""})}), "holds another archive, 'in.zip'"
    ),
    "a way up": Case("x.zip", lambda: zipped({"../../evil": b""}), "leads out of its folder"),
    "an absolute path": Case("x.zip", lambda: zipped({"/etc/evil": b""}), "leads out of its"),
    "a drive": Case("x.zip", lambda: zipped({"C:evil": b""}), "leads out of its folder"),
    "a way up with backslashes": Case(
        "x.zip", lambda: zipped({"a\\..\\..\\evil": b""}), "leads out of its folder"
    ),
    "a link": Case("x.zip", with_link, "is a link or a device"),
    "a million names": Case("x.zip", many_names, "holds 60,000 files; the limit is 10,000"),
    "encrypted": Case("x.zip", encrypted, "is encrypted"),
    "truncated": Case("x.zip", lambda: zipped({"run.json": b"{}"})[:40], "not a readable .zip"),
    "no zip": Case("x.zip", lambda: b"hello", "is not a readable .zip file"),
    "names that differ in case alone": Case("x.zip", twice, "holds 'A.json' twice"),
    "a name that turns writing round": Case(
        "x.zip", lambda: zipped({"gnp\u202e.json": b""}), "invisible characters"
    ),
    "a name of two lines": Case("x.zip", lambda: zipped({"a\nb": b""}), "invisible characters"),
    "neither an export nor a folder": Case(
        "x.zip", lambda: zipped({"hello.txt": b""}), "neither a run .* nor a Hugging Face folder"
    ),
    "a run.json that is none": Case(
        "x.zip", lambda: zipped({"run.json": b'{"spec": 3}'}), "spec in run.json must be a dict"
    ),
    "a run.json of no run": Case("x.zip", lambda: zipped({"run.json": b"{}"}), "the key and the"),
    "an export that lacks a file": Case(
        "x.zip",
        lambda: zipped(
            {
                "run.json": b'{"key": "a", "status": "finished"}',
                "export.json": b'{"files": {"model.safetensors": {}}}',
            }
        ),
        "lacks 'model.safetensors', which its export.json names",
    ),
    "an export whose list leads out": Case(
        "x.zip",
        lambda: zipped({"run.json": b"{}", "export.json": b'{"files": {"../../x": {}}}'}),
        "lacks '../../x'",
    ),
    "a Hugging Face folder of a strange architecture": Case(
        "x.zip",
        lambda: zipped({"config.json": b'{"architectures": ["Evil"]}', "model.safetensors": GOOD}),
        "architecture 'Evil' is not listed",
    ),
}
