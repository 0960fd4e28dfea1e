from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from impasto.errors import BadInput
from impasto.scorers.base import Scores
from impasto.scorers.checkpoint.params import CheckpointParams
from impasto.scorers.checkpoint.scorer import CheckpointScorer
from support.model_file import ModelFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CPU = "cpu"
pytestmark = pytest.mark.filterwarnings(
    "ignore:.torch.jit.(save|(script|trace)(_method)?). is deprecated:DeprecationWarning"
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class ConvLayer(nn.Module):
    def __init__(self, inputs: int, outputs: int, size: int, stride: int) -> None:
        super().__init__()
        self.reflection_pad = nn.ReflectionPad2d(size // 2)
        self.conv2d = nn.Conv2d(inputs, outputs, size, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.conv2d(self.reflection_pad(x))
        return result


class UpsampleConvLayer(ConvLayer):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.interpolate(x, mode="nearest", scale_factor=2))


class ResidualBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.in1 = ConvLayer(128, 128, 3, 1), nn.InstanceNorm2d(128, affine=True)
        self.conv2, self.in2 = ConvLayer(128, 128, 3, 1), nn.InstanceNorm2d(128, affine=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.in2(self.conv2(self.in1(self.conv1(x)).relu())) + x
        return result


class Original(nn.Module):
    """The network as a chain of layers, for sizes that are multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        convs = [(3, 32, 9, 1), (32, 64, 3, 2), (64, 128, 3, 2)]
        layers: list[tuple[str, nn.Module]] = []
        for n, sizes in enumerate(convs, 1):
            layers += [(f"conv{n}", ConvLayer(*sizes)), (f"in{n}", _norm(sizes[1]))]
        layers += [(f"res{n}", ResidualBlock()) for n in range(1, 6)]
        layers += [("deconv1", UpsampleConvLayer(128, 64, 3, 1)), ("in4", _norm(64))]
        layers += [("deconv2", UpsampleConvLayer(64, 32, 3, 1)), ("in5", _norm(32))]
        layers += [("deconv3", ConvLayer(32, 3, 9, 1))]
        for name, layer in layers:
            self.add_module(name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name, layer in self.named_children():
            x = layer(x)
            if name.startswith("in"):
                x = x.relu()
        return x


def _norm(channels: int) -> nn.InstanceNorm2d:
    return nn.InstanceNorm2d(channels, affine=True)


@pytest.fixture(scope="module")
def original() -> Original:
    torch.manual_seed(1)
    network = Original().eval().requires_grad_(False)
    for norm in (m for m in network.modules() if isinstance(m, nn.InstanceNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.2, 0.2)
    last = network.get_submodule("deconv3.conv2d")
    assert isinstance(last, nn.Conv2d)
    last.weight.mul_(120)
    nn.init.constant_(last.bias, 127.0)  # type: ignore[arg-type]
    return network


class Local(nn.Module):
    """A picture network of two layers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.conv(x))


class Classifier(nn.Module):
    """Two outputs: three chances, and their largest."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        chances = x.mean((2, 3)).softmax(1)
        return chances, chances.amax(1, keepdim=True)


class Named(nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"mean": x.mean((1, 2, 3)), "colours": x.mean((2, 3))}


def saved(save: Callable[[Any, io.BytesIO], None], value: Any) -> bytes:
    file = io.BytesIO()
    save(value, file)
    return file.getvalue()


def scripted(module: nn.Module) -> bytes:
    return saved(torch.jit.save, torch.jit.script(module.eval()))


def exported(module: nn.Module, *shape: int, free: tuple[int, ...] = ()) -> bytes:
    """A torch.export file of an input shape; ``free`` are the dimensions of any size."""
    dynamic = (dict.fromkeys(free, torch.export.Dim.DYNAMIC),)
    program = torch.export.export(module.eval(), (torch.rand(shape),), dynamic_shapes=dynamic)
    return saved(torch.export.save, program)


def scorer(content: bytes, **params: Any) -> CheckpointScorer:
    inputs = ModelFile(content)
    full = CheckpointParams(model="models/net.pth", **params)
    return CheckpointScorer(full, {}, inputs, CPU)


def pictures(count: int = 2, height: int = 20, width: int = 28, seed: int = 0) -> torch.Tensor:
    noise = torch.rand(count, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1)


def made(scores: Scores) -> torch.Tensor:
    assert scores.pictures is not None
    assert scores.pictures.dtype == torch.float32
    return scores.pictures


def records(scores: Scores) -> list[Any]:
    assert scores.records is not None
    assert all(len(each) == 1 for each in scores.records)
    return [
        {k: v.tolist() if hasattr(v, "tolist") else v for k, v in each[0].items()}
        for each in scores.records
    ]


def _old(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """A checkpoint of PyTorch 0.3, which kept statistics that no one used."""
    extra: dict[str, Any] = {}
    for name in [name for name in state if name.endswith(("in1.weight", "in5.weight"))]:
        norm = name.removesuffix("weight")
        extra |= {norm + "running_mean": torch.zeros(3), norm + "running_var": torch.ones(3)}
        extra[norm + "num_batches_tracked"] = torch.tensor(4)
    return OrderedDict(state | extra)


@pytest.mark.parametrize(
    "wrap",
    [
        dict,
        _old,
        lambda state: {"state_dict": state, "epoch": 2},
        lambda state: {f"module.{name}": value for name, value in state.items()},
    ],
    ids=["plain", "old", "wrapped", "parallel"],
)
def test_style_checkpoints_paint_as_the_original_does(original: Original, wrap: Any) -> None:
    batch = pictures(2, 24, 32)
    model = scorer(saved(torch.save, wrap(original.state_dict())))
    expected = original(batch * 255).clamp(0, 255) / 255
    assert float(expected.std()) > 0.05
    torch.testing.assert_close(made(model.score(batch)), expected, atol=2e-4, rtol=0)
    assert model.notes == ("net.pth: fast-neural-style network, values 0 to 255",)


def test_style_checkpoints_of_the_old_file_format_load(original: Original) -> None:
    content = saved(
        lambda value, file: torch.save(value, file, _use_new_zipfile_serialization=False),
        original.state_dict(),
    )
    assert not content.startswith(b"PK")
    assert made(scorer(content).score(pictures(1, 8, 8))).shape == (1, 3, 8, 8)


@pytest.mark.parametrize(("height", "width"), [(21, 30), (5, 3), (1, 1)])
def test_style_checkpoints_keep_any_size(original: Original, height: int, width: int) -> None:
    batch = pictures(1, height, width)
    result = made(scorer(saved(torch.save, original.state_dict())).score(batch))
    down, right = max(8, -(-height // 4) * 4) - height, max(8, -(-width // 4) * 4) - width
    grown = np.pad(batch.numpy(), ((0, 0), (0, 0), (0, down), (0, right)), mode="reflect")
    expected = original(torch.from_numpy(grown) * 255)[:, :, :height, :width] / 255
    torch.testing.assert_close(result, expected.clamp(0, 1), atol=2e-4, rtol=0)


def test_style_pictures_do_not_depend_on_their_mini_batch(original: Original) -> None:
    model = scorer(saved(torch.save, original.state_dict()))
    batch = pictures(3, 16, 16)
    alone = torch.cat([made(model.score(picture[None])) for picture in batch])
    assert torch.equal(made(model.score(batch)), alone)


def test_weights_of_another_network_are_refused_by_their_names() -> None:
    with pytest.raises(
        BadInput, match=r"unknown network \(conv.weight, conv.bias, ...\)"
    ) as raised:
        scorer(saved(torch.save, Local().state_dict()))
    assert "fast-neural-style checkpoints" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_style_checkpoint_that_lacks_a_layer_is_refused(original: Original) -> None:
    state = {name: value for name, value in original.state_dict().items() if "res3" not in name}
    with pytest.raises(BadInput, match="unknown network"):
        scorer(saved(torch.save, state))


@pytest.mark.parametrize("content", [b"\x81junk", b"\x02\x00\x00"])
def test_files_of_no_kind_are_refused(content: bytes) -> None:
    with pytest.raises(BadInput, match=r"net\.pth: is not a PyTorch file"):
        scorer(content)


def test_python_objects_are_never_unpickled() -> None:
    with pytest.raises(BadInput, match="holds Python objects, which are never unpickled"):
        scorer(saved(torch.save, Local()))


def test_torchscript_paints_any_size_and_says_what_it_assumes() -> None:
    network = Local()
    model = scorer(scripted(network))
    for batch in (pictures(), pictures(1, 9, 7)):
        torch.testing.assert_close(made(model.score(batch)), network(batch).detach())
    assert model.batch == 0
    assert model.notes == (
        "net.pth: TorchScript, values 0 to 1 (assumed; set `range` to change that)",
    )


def test_a_traced_network_in_half_precision_gets_its_own_type() -> None:
    network = Local().half()
    traced = torch.jit.trace(network, pictures().half())  # type: ignore[no-untyped-call]
    result = made(scorer(saved(torch.jit.save, traced)).score(pictures()))
    torch.testing.assert_close(result, Local()(pictures()).detach(), atol=2e-3, rtol=0)


def test_torchscript_is_the_same_from_the_first_call_on_in_every_thread() -> None:
    model = scorer(scripted(Local()))
    batch = pictures()
    with ThreadPoolExecutor(3) as pool:
        results = [made(scores) for scores in pool.map(model.score, [batch] * 9)]
    assert all(torch.equal(result, results[0]) for result in results)


@pytest.mark.parametrize("make", [scripted, lambda m: exported(m, 2, 3, 20, 28, free=(0, 2, 3))])
def test_vectors_become_records(make: Any) -> None:
    batch = pictures(3)
    chances = batch.mean((2, 3)).softmax(1)
    found = records(scorer(make(Classifier())).score(batch))
    np.testing.assert_allclose([each["output0"] for each in found], chances, atol=1e-6)
    np.testing.assert_allclose([each["output1"] for each in found], chances.amax(1), atol=1e-6)
    named = records(scorer(make(Named())).score(batch))
    assert [list(each) for each in named] == [["mean", "colours"]] * 3
    np.testing.assert_allclose([each["mean"] for each in named], batch.mean((1, 2, 3)), atol=1e-6)


def test_an_output_that_cannot_be_divided_is_refused() -> None:
    class Total(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum()

    with pytest.raises(ValueError, match="cannot be divided among them"):
        scorer(scripted(Total())).score(pictures())


class Times(nn.Module):
    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.by


def test_ranges_are_applied_and_doubted() -> None:
    batch = pictures()
    with pytest.raises(ValueError, match="set `range` or `output_range`"):
        scorer(scripted(Times(255))).score(batch)
    content = scripted(Times(255))
    torch.testing.assert_close(made(scorer(content, output_range="byte").score(batch)), batch)
    negative = scripted(Times(-1))
    torch.testing.assert_close(made(scorer(negative, range="signed").score(batch)), 1 - batch)


def test_an_exported_program_of_free_sizes_runs_as_it_is() -> None:
    network = Local()
    model = scorer(exported(network, 2, 3, 20, 28, free=(0, 2, 3)))
    batch = pictures(3, 33, 17)
    torch.testing.assert_close(made(model.score(batch)), network(batch).detach())
    assert model.batch == 0
    assert "torch.export program, values 0 to 1 (assumed" in model.notes[0]


def test_an_exported_program_of_one_size_is_met_by_resizing() -> None:
    network = Local()
    model = scorer(exported(network, 1, 3, 16, 16))
    batch = pictures(3, 24, 40)
    small = F.interpolate(batch, (16, 16), mode="bicubic", antialias=True).clamp(0, 1)
    large = F.interpolate(network(small), (24, 40), mode="bicubic", antialias=True).clamp(0, 1)
    torch.testing.assert_close(made(model.score(batch)), large.detach())
    assert model.batch == 1
    assert "resized (16, 16)" in model.notes[0]


def test_an_exported_program_of_other_inputs_is_refused() -> None:
    with pytest.raises(BadInput, match=r"takes 1 inputs, the first \(2, 5\)"):
        scorer(exported(Times(2), 2, 5))


def _changed(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """An archive whose members pass through a function."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return file.getvalue()


def test_an_exported_program_with_pickles_is_refused() -> None:
    content = exported(Local(), 1, 3, 16, 16)

    def pickled(name: str, member: bytes) -> bytes:
        if not name.endswith("weights_config.json"):
            return member
        config = json.loads(member)
        for entry in config["config"].values():
            entry["use_pickle"] = True
        return json.dumps(config).encode()

    with pytest.raises(BadInput, match="holds pickled objects, which are never unpickled"):
        scorer(_changed(content, pickled))
    objects = saved(torch.save, Local())
    with pytest.raises(BadInput, match=r"sample_inputs/model\.pt: holds Python objects"):
        scorer(_changed(content, lambda name, old: objects if name.endswith(".pt") else old))


class Marker:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


@pytest.mark.parametrize("path", ["opaque_obj_0", "custom_obj_0", "OPAQUE_OBJ_0", "elsewhere"])
def test_an_exported_program_cannot_hide_a_pickle_under_another_name(
    tmp_path: Path, path: str
) -> None:
    content = exported(Times(2), 1, 3, 16, 16)
    marker = tmp_path / "unpickled"
    with zipfile.ZipFile(io.BytesIO(content)) as before:
        root = before.namelist()[0].split("/")[0]
        members = {name: before.read(name) for name in before.namelist()}
    tensor = {"path_name": path, "is_param": False, "use_pickle": False, "tensor_meta": None}
    index = next(name for name in members if name.endswith("constants_config.json"))
    members[index] = json.dumps({"config": {"hidden": tensor}}).encode()
    members[f"{root}/data/constants/{path}"] = pickle.dumps(Marker(marker))
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as after:
        for name, member in members.items():
            after.writestr(name, member)
    with pytest.raises(BadInput, match="holds pickled objects, which are never unpickled"):
        scorer(made.getvalue())
    assert not marker.exists()


def test_an_archive_with_two_members_of_one_name_is_refused() -> None:
    made = io.BytesIO(exported(Times(2), 1, 3, 16, 16))
    with zipfile.ZipFile(made, "a") as archive:
        name = archive.namelist()[-1]
        archive.writestr(name.upper(), b"")
    with pytest.raises(BadInput, match="two members with the same name"):
        scorer(made.getvalue())
