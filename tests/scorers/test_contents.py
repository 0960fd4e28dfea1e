from __future__ import annotations

import io
import zipfile

import pytest
import safetensors.torch
import torch
from onnx import TensorProto, helper

from impasto.errors import BadInput
from impasto.scorers.checkpoint.file import load

CPU = torch.device("cpu")
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 67040989\n"


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * 99)
    return file.getvalue()


def saved() -> bytes:
    file = io.BytesIO()
    torch.save({"weight": torch.zeros(999)}, file)
    return file.getvalue()


def onnx() -> bytes:
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "g", values[:1], values[1:])
    model: bytes = helper.make_model(graph, producer_name="tests").SerializeToString()
    return model


@pytest.mark.parametrize(
    ("content", "fact", "remedy"),
    [
        (b"", "is empty", "download"),
        (POINTER, "is a Git LFS pointer", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "is an HTML page", "not the page about it"),
        (b'<?xml version="1.0"?><Error>', "is XML", "download"),
        (b'{"message": "Not Found"}', "is JSON", "download"),
        (b"GGUF\x03\0\0\0", "is a GGUF file", "supported are"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file", "supported are"),
        (b"\x1c\0\0\0TFL3", "is a TensorFlow Lite model", "supported are"),
        (b"7767517\n40 41\n", "is ncnn's text", "supported are"),
        (b"\x1f\x8b\x08\0", "is a compressed archive", "unpack it"),
        (b"\x89PNG\r\n\x1a\n", "is a picture", "supported are"),
        (onnx(), "is an ONNX model", "onnx:FILE"),
        (zipped("net/RealESRGAN_x4plus.pth"), "zip archive with net/RealESR", "unpack it"),
        (zipped("a.npy", "b.npy"), "archive of NumPy arrays", "supported are"),
        (zipped("config.json", "metadata.json"), "is a model of Keras", "supported are"),
        (zipped("word/document.xml"), "archive without a model", "supported are"),
        (saved()[:2000], "archive that ends early, after 2,000 bytes", "download"),
        (safetensors.torch.save({"a": torch.zeros(9)})[:-8], "is damaged safetensors", "download"),
        (b"Access denied, try again", "is text, 'Access denied, try a'", "supported are"),
        (b"\x02\x80neither", "is not a PyTorch file", "supported are"),
    ],
)
def test_what_is_no_checkpoint_is_called_what_it_is(content: bytes, fact: str, remedy: str) -> None:
    with pytest.raises(BadInput, match=r"^net\.pth: ") as error:
        load("net.pth", content, CPU)
    assert fact in str(error.value)
    assert remedy in str(error.value)


def test_a_real_file_of_each_supported_form_is_not_taken_for_something_else() -> None:
    with pytest.raises(BadInput, match="unknown network"):
        load("net.pth", saved(), CPU)
    with pytest.raises(BadInput, match="unknown network"):
        load("net.onnx", safetensors.torch.save({"a": torch.zeros(9)}), CPU)


def test_a_header_whose_length_looks_like_json_is_still_one_of_safetensors() -> None:
    content = safetensors.torch.save({"a": torch.zeros(9)})
    length = int.from_bytes(content[:8], "little")
    wanted = int.from_bytes(b'{"', "little")
    header = content[8 : 8 + length].ljust(wanted)
    odd = wanted.to_bytes(8, "little") + header + content[8 + length :]
    assert odd.startswith(b'{"')
    with pytest.raises(BadInput, match=r"unknown network \(a, \.\.\.\)"):
        load("net.safetensors", odd, CPU)
