"""Open an ONNX model with ONNX Runtime, on the requested device or not at all."""

from __future__ import annotations

from typing import Any

import onnxruntime as ort

from impasto.errors import BadInput, Unavailable

QUIET = 4
"""ONNX Runtime's log level that prints fatal errors only: the others are raised."""


def open_session(name: str, content: bytes, device: str) -> ort.InferenceSession:
    """Open a model with ONNX Runtime.

    Args:
        name: what to call the model in errors.
        content: the file, verified.
        device: ``cuda:<n>``, or ``cpu``: one thread then, since mini-batches run side by side.

    Raises:
        BadInput: the file is not a model that it can run.
        Unavailable: ONNX Runtime cannot use the CUDA device.
    """
    if keeps_data_elsewhere(content):
        raise BadInput(
            f"{name}: keeps weights in other files",
            "save it as one file (onnx.save(model, path, save_as_external_data=False))",
        )
    cuda = device.startswith("cuda")
    if cuda and "CUDAExecutionProvider" not in ort.get_available_providers():
        raise _no_cuda(name, device, "this build has no CUDA")
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = QUIET
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


def keeps_data_elsewhere(content: bytes) -> bool:
    """Return whether a model's weights are in other files, which no digest of the model covers.

    ONNX Runtime would read them from the current folder. Looks for ``TensorProto.external_data``
    (field 13, so byte 0x6a, then its length) with the key ``location``, see onnx.proto.
    """
    key = b"\n\x08location\x12"
    at = content.find(key)
    while at >= 0:
        if b"\x6a" in content[max(0, at - 3) : at]:
            return True
        at = content.find(key, at + 1)
    return False
