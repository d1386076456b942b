"""A download that is cut off, altered or killed is never taken for a whole one."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request

import numpy as np
import pytest
import sklearn.datasets
from sklearn.datasets import _openml

from prunelab import downloads, operations
from prunelab.registry import DATASETS
from prunelab.spec import SpecError
from prunelab.store import Store

ROWS = 120
HOST = "https://www.openml.org"
KILLED = """
import sys, time
from types import SimpleNamespace
import numpy as np
import sklearn.datasets
from pathlib import Path
from prunelab.registry import DATASETS

def wait(*_):
    print("half", flush=True)
    time.sleep(600)

def fetch(data_home, **_):
    (Path(data_home) / "raw.gz").write_bytes(b"half")
    if sys.argv[1] == "while it comes":
        wait()
    return SimpleNamespace(data=np.zeros((12000, 784)), target=np.zeros(12000))

def save(path, **_):
    Path(path).write_bytes(b"PK half")
    wait()

sklearn.datasets.fetch_openml, np.savez_compressed = fetch, save
DATASETS["mnist"].function()
"""


@pytest.fixture(autouse=True)
def _no_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRUNELAB_DATA", raising=False)
    monkeypatch.setattr(downloads, "TEST", 20)


def mnist() -> Any:
    return DATASETS["mnist"].function()


@pytest.mark.parametrize("when", ["while it comes", "while it is kept"])
def test_a_killed_download_is_no_file_and_the_next_one_is_whole(
    when: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, when], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"half\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [p for p in (home / "data").iterdir() if p.is_file()] == []
    pixels = np.random.default_rng(0).integers(0, 256, (ROWS, 784))
    answer = sklearn.utils.Bunch(data=pixels, target=np.arange(ROWS) % 10)
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", lambda **_: answer)
    assert len(mnist().y) == ROWS - 20
    left = [p for p in (home / "data").iterdir() if p.is_dir()]
    assert len(left) == 1  # of the killed one: vacuum takes it once it is surely nobody's
    store = Store(home=home)
    assert operations.vacuum(store).folders == 0
    then = time.time() - 7200
    os.utime(left[0], (then, then))
    assert operations.vacuum(store).folders == 1
    assert [p.name for p in (home / "data").iterdir()] == ["mnist.npz"]
    store.close()


# -- what really goes over the wire, as openml.org says it ---------------------------------------


def arff() -> bytes:
    names = "\n".join(f"@attribute p{i} numeric" for i in range(784))
    rows = "\n".join(",".join(["7"] * 784 + [str(i % 10)]) for i in range(ROWS))
    classes = ",".join(map(str, range(10)))
    return f"@relation mnist\n{names}\n@attribute class {{{classes}}}\n@data\n{rows}\n".encode()


class OpenML(BaseHTTPRequestHandler):
    """The four answers that scikit-learn asks for; the last one as it is bent."""

    bent = ""
    content = arff()

    def do_GET(self) -> None:
        import hashlib

        about = {"id": "554", "name": "mnist", "version": "1", "status": "active", "format": "ARFF"}
        about |= {"file_id": "1", "default_target_attribute": "class", "url": f"{HOST}/data/1.arff"}
        about |= {"md5_checksum": hashlib.md5(self.content).hexdigest(), "description": "digits"}
        features = [
            {"index": str(i), "name": f"p{i}" if i < 784 else "class",
             "is_target": str(i == 784).lower(),
             "data_type": "numeric" if i < 784 else "nominal", "is_ignore": "false",
             "is_row_identifier": "false", "number_of_missing_values": "0"}
            for i in range(785)
        ]  # fmt: skip
        answers = {
            "/api/v1/json/data/features/": {"data_features": {"feature": features}},
            "/api/v1/json/data/qualities/": {"data_qualities": {"quality": []}},
            "/api/v1/json/data/": {"data_set_description": about},
        }
        found = next((told for path, told in answers.items() if self.path.startswith(path)), None)
        self._send(json.dumps(found).encode() if found else self.content, file=not found)

    def _send(self, content: bytes, *, file: bool) -> None:
        if file and self.bent == "altered":
            content = content.replace(b"7,7,7", b"7,8,7", 1)
        body = gzip.compress(content)
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if file and self.bent == "cut off" else body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def openml(monkeypatch: pytest.MonkeyPatch) -> Any:
    handler = type("Bent", (OpenML,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"

    def redirected(asked: Any, *more: Any, **named: Any) -> Any:
        address = asked if isinstance(asked, str) else asked.full_url
        headers = {} if isinstance(asked, str) else dict(asked.header_items())
        return urlopen(Request(address.replace(HOST, here), headers=headers), *more, **named)

    urlopen = _openml.urlopen
    monkeypatch.setattr(_openml, "urlopen", redirected)
    yield handler
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("bent", "reason"),
    [
        ("altered", "md5 checksum .* does not match"),
        ("cut off", "could not be fetched from openml"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*(A network error|Invalid cache|OpenML)")
def test_a_download_that_is_altered_or_cut_off_is_refused_and_removed(
    bent: str, reason: str, openml: Any, home: Path
) -> None:
    openml.bent = bent
    with pytest.raises(SpecError, match=rf"mnist could not be fetched.*{reason}|{reason}"):
        mnist()
    assert list((home / "data").rglob("*")) == []
    openml.bent = ""
    assert len(mnist().y) == ROWS - 20
    assert [p.name for p in (home / "data").rglob("*")] == ["mnist.npz"]
