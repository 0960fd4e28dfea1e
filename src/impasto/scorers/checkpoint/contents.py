"""What a file is that is no checkpoint, told by its first bytes."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from pathlib import PurePosixPath

from impasto.errors import BadInput

DOWNLOAD = "download the file itself again"
BEGINNINGS = [
    (rb"version https://git-lfs\.github\.com", "is a Git LFS pointer", "fetch it by git lfs pull"),
    (rb"\s*<(!doctype html|html)", "is an HTML page", f"{DOWNLOAD}, not the page about it"),
    (rb"\s*<\?xml", "is XML: a store's error message, or another library's model", DOWNLOAD),
    (rb"\s*[{\[]\s*[\"\]}{]", "is JSON", DOWNLOAD),
    (rb"GGUF", "is a GGUF file, with weights for llama.cpp and its kin", ""),
    (rb"\x89HDF\r\n\x1a\n", "is an HDF5 file, with weights of Keras", ""),
    (rb".{4}TFL3", "is a TensorFlow Lite model", ""),
    (rb"7767517\n", "is ncnn's text of a network, without weights", ""),
    (rb"\x93NUMPY", "is a NumPy array", ""),
    (rb"\x1f\x8b|7z\xbc\xaf\x27\x1c|Rar!|\x28\xb5\x2f\xfd", "is a compressed archive", "unpack it"),
    (rb".{257}ustar", "is a tar archive", "unpack it"),
    (rb"\x89PNG|\xff\xd8\xff|RIFF.{4}WEBP|GIF8", "is a picture", ""),
    (rb".{4}ftyp|\x1aE\xdf\xa3", "is a video", ""),
    # ONNX: the field ir_version, then one of the first fields of ModelProto.
    (rb"\x08[\x01-\x1f][\x12\x1a\x22\x3a\x42]", "is an ONNX model", "write onnx:FILE"),
]
"""Patterns of the first bytes, what they show, and the remedy if it is a special one."""
HEADER = 8
"""Bytes of the length of safetensors' header, little-endian."""


def check(name: str, content: bytes, supported: str) -> None:
    """Refuse what cannot be a model of PyTorch.

    Args:
        name: what to call the file in errors.
        content: its bytes.
        supported: the remedy where there is no better one.

    Raises:
        BadInput: its first bytes are those of something else, or it ends early.
    """
    if not content:
        raise BadInput(f"{name}: is empty", DOWNLOAD)
    if is_safetensors(content):
        # It begins with a number, which may look like anything.
        return
    for pattern, what, remedy in BEGINNINGS:
        if re.match(pattern, content[:512], re.DOTALL | re.IGNORECASE):
            raise BadInput(f"{name}: {what}", remedy or supported)
    if re.fullmatch(rb"[\t\n\r -~]+", content[:64]):
        raise BadInput(f"{name}: is text, {content[:20].decode()!r} ...", supported)
    if content.startswith(b"PK\x03\x04"):
        _check_zip(name, content, supported)


def _check_zip(name: str, content: bytes, supported: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.namelist()
    except zipfile.BadZipFile:
        raise BadInput(
            f"{name}: is an archive that ends early, after {len(content):,} bytes", DOWNLOAD
        ) from None
    names = {PurePosixPath(member).name for member in members}
    inner = [each for each in members if each.endswith((".pth", ".safetensors", ".ckpt"))]
    if names & {"data.pkl", "archive_format"} or any("serialized_exp" in each for each in names):
        return
    if inner:
        raise BadInput(f"{name}: is a zip archive with {inner[0]} in it", "unpack it")
    if members and all(each.endswith(".npy") for each in members):
        raise BadInput(f"{name}: is an archive of NumPy arrays", supported)
    if {"config.json", "metadata.json"} <= names:
        raise BadInput(f"{name}: is a model of Keras", supported)
    first = ", ".join(members[:3])
    raise BadInput(f"{name}: is a zip archive without a model ({first})", supported)


def is_safetensors(content: bytes) -> bool:
    """Return whether a file is in the format of safetensors, whatever its name is."""
    if len(content) <= HEADER:
        return False
    (length,) = struct.unpack("<Q", content[:HEADER])
    return content[HEADER : HEADER + 1] == b"{" and 2 <= length < 100 << 20
