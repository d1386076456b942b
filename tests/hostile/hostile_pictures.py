"""Pictures, and networks of ONNX: PruneLab reads neither, under whatever name."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import onnx
from making_files import Case, zipped
from PIL import Image


def picture(kind: str, mode: str, size: tuple[int, int], **more: Any) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind, **more)
    return file.getvalue()


def bomb() -> bytes:
    """A PNG of some kilobytes that says it has 10^10 pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(4 * 2**20))
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def moving() -> bytes:
    frames = [Image.new("L", (4, 4), shade) for shade in range(3)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def external() -> bytes:
    """A network whose weights lie in a file of the machine."""
    weights = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[2])
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "../../../../etc/passwd"), ("length", "8")):
        weights.external_data.add(key=key, value=value)
    graph = onnx.helper.make_graph([], "g", [], [], [weights])
    return onnx.helper.make_model(graph).SerializeToString()  # type: ignore[no-any-return]


PICTURE = "is a picture.*np.savez"
ONNX = "is an ONNX file, which PruneLab writes and never reads"
PICTURES = {
    "a PNG that says it has 10^10 pixels": Case("x.png", bomb, PICTURE),
    "that PNG called npz": Case("x.npz", bomb, "is not a readable .npz file"),
    "that PNG called csv": Case("x.csv", bomb, "must be UTF-8 text|holds NUL bytes"),
    "that PNG called parquet": Case("x.parquet", bomb, "not a readable Parquet file"),
    "that PNG in a zip": Case("x.zip", lambda: zipped({"a.png": bomb()}), "grow 1,0|neither a run"),
    "a JPEG in CMYK": Case("x.jpg", lambda: picture("JPEG", "CMYK", (8, 8)), PICTURE),
    "one pixel": Case("x.png", lambda: picture("PNG", "L", (1, 1)), PICTURE),
    "16 bits a pixel": Case("x.tiff", lambda: picture("TIFF", "I;16", (4, 4)), PICTURE),
    "a picture that moves": Case("x.gif", moving, PICTURE),
    "a network with weights elsewhere": Case("x.onnx", external, ONNX),
    "that network called safetensors": Case("x.safetensors", external, "x.safetensors"),
    "that network in a zip": Case("x.zip", lambda: zipped({"a.onnx": external()}), "neither a run"),
}
