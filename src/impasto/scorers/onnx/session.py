"""Open an ONNX model with ONNX Runtime, on the requested device or not at all."""

from __future__ import annotations

from typing import Any

import onnxruntime as ort

from impasto.errors import BadInput, Unavailable
from impasto.schema.words import plain
from impasto.secrecy import start_of

ONE_FILE = "save it as one file: onnx.save(onnx.load('model.onnx'), 'one.onnx')"
QUIET = 4
"""ONNX Runtime's log level that prints fatal errors only: the others are raised."""


def open_session(
    name: str, content: bytes, device: str, data: bytes | None = None
) -> ort.InferenceSession:
    """Open a model with ONNX Runtime.

    Args:
        name: what to call the model in errors.
        content: the file, verified.
        device: ``cuda:<n>``, or ``cpu``: one thread then, since mini-batches run side by side.
        data: the file that holds its weights, verified, where they are not in the model.

    Raises:
        BadInput: the file is not a model that it can run, or its weights are elsewhere.
        Unavailable: ONNX Runtime cannot use the CUDA device.
    """
    elsewhere = elsewhere_named(content)
    if len(elsewhere) > 1:
        raise BadInput(f"{name}: keeps weights in {len(elsewhere)} other files", ONE_FILE)
    if elsewhere and data is None:
        (file,) = elsewhere
        raise BadInput(
            f"{name}: keeps its weights in {start_of(plain(file), 100)}, which is not beside it",
            f"set `data` to that file, or put it there as {name}.data",
        )
    cuda = device.startswith("cuda")
    if cuda and "CUDAExecutionProvider" not in ort.get_available_providers():
        raise _no_cuda(name, device, "this build has no CUDA")
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = QUIET
    if elsewhere and data is not None:
        options.add_external_initializers_from_files_in_memory([*elsewhere], [data], [len(data)])
    providers: list[Any] = ["CPUExecutionProvider"]
    if cuda:
        # The default, an exhaustive search, chooses by time: not the same in every worker.
        number = int(device.partition(":")[2] or 0)
        chosen = {"device_id": number, "cudnn_conv_algo_search": "HEURISTIC"}
        providers.insert(0, ("CUDAExecutionProvider", chosen))
    try:
        session = ort.InferenceSession(content, options, providers=providers)
    except Exception as error:  # noqa: BLE001 (its errors share no base but this)
        message = " ".join(str(error).split())
        if "CUDA" in message:
            raise _no_cuda(name, device, message) from None
        raise BadInput(
            f"{name}: is not an ONNX model that can be run ({message})", "export it again"
        ) from None
    if cuda and "CUDAExecutionProvider" not in session.get_providers():
        raise _no_cuda(name, device, "its CUDA libraries do not load")
    session.disable_fallback()
    return session


def _no_cuda(name: str, device: str, why: str) -> Unavailable:
    return Unavailable(
        f"{name}: ONNX Runtime cannot use {device} ({why})",
        "pip install onnxruntime-gpu instead of onnxruntime, or set `device=cpu`",
    )


def elsewhere_named(content: bytes) -> frozenset[str]:
    """Return the names of the files that a model says its weights are in.

    ONNX Runtime would read them from the current folder, and no digest of the model covers them.
    Looks for ``TensorProto.external_data`` (field 13, so byte 0x6a, then its length) with the key
    ``location``, whose value's length is a varint; see onnx.proto.
    """
    key = b"\n\x08location\x12"
    found: set[str] = set()
    at = content.find(key)
    while at >= 0:
        if b"\x6a" in content[max(0, at - 3) : at]:
            found.add(_text(content, at + len(key)))
        at = content.find(key, at + 1)
    return frozenset(found)


def _text(content: bytes, at: int) -> str:
    """Return the text at a place in a protocol buffer, which begins with its length."""
    length = shift = 0
    for byte in content[at : at + 5]:
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return content[at : at + length].decode(errors="replace")
