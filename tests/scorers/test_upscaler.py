from __future__ import annotations

import io
import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import safetensors.torch
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image

import impasto
from impasto.driver.identity import job_id
from impasto.errors import BadInput
from impasto.schema.job import JobSpec
from impasto.scorers.checkpoint import known
from impasto.scorers.checkpoint.params import CheckpointParams
from impasto.scorers.checkpoint.scorer import CheckpointScorer
from impasto.scorers.registry import find
from support import upscaler
from support.clips import make_clip
from support.model_file import ModelFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from impasto.scorers.base import Scores

STEP = 1 / 255
pytestmark = pytest.mark.filterwarnings(
    "ignore:.torch.jit.(save|script(_method)?). is deprecated:DeprecationWarning",
    r"ignore:torch\.meshgrid. :UserWarning",
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return upscaler.tensors()


@pytest.fixture(scope="module")
def checkpoint(state: dict[str, torch.Tensor]) -> bytes:
    return saved({"params": state})


def saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


class Film(ModelFile):
    """The inputs of a job whose source is a video."""

    consecutive = True
    carried = False

    def __init__(self, content: bytes, height: int, width: int) -> None:
        super().__init__(content)
        self._picture = np.zeros((height, width, 3), np.uint8)

    def sample(self) -> NDArray[np.uint8]:
        return self._picture


def scorer(inputs: ModelFile, **params: Any) -> CheckpointScorer:
    full = CheckpointParams(model="models/net.pth", **params)
    return CheckpointScorer(full, CheckpointScorer.prepare(full, inputs), inputs, "cpu")


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    noise = torch.rand(1, 3, 9, 13, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1)


def made(scores: Scores) -> torch.Tensor:
    assert scores.pictures is not None
    return scores.pictures


def layer_by_layer(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The network as its paper and its authors' code have it."""
    y = x
    for n in range(35):
        weight = state[f"body.{n}.weight"]
        convolves = weight.dim() == 4
        y = (
            F.conv2d(y, weight, state[f"body.{n}.bias"], padding=1)
            if convolves
            else F.prelu(y, weight)
        )
    enlarged = F.pixel_shuffle(y, 4) + F.interpolate(x, scale_factor=4.0, mode="nearest")
    return enlarged.clamp(0, 1)


@pytest.mark.parametrize("kind", ["pth", "ckpt", "safetensors"])
def test_a_real_upscaler_enlarges_as_its_authors_wrote_it(
    state: dict[str, torch.Tensor], kind: str
) -> None:
    if kind == "ckpt":
        state = {name: tensor.half().float() for name, tensor in state.items()}
    content = {
        "pth": saved({"params": state}),
        "ckpt": saved({"state_dict": {f"module.{k}": v.half() for k, v in state.items()}}),
        "safetensors": safetensors.torch.save(state),
    }[kind]
    model = scorer(ModelFile(content))
    source = picture(23, 31)
    torch.testing.assert_close(
        made(model.score(source)), layer_by_layer(state, source), atol=1e-5, rtol=0
    )
    assert model.notes == ("net.pth: RealESRGAN Compact, x4, values 0 to 1",)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_values_that_are_not_finite_are_no_picture(value: float) -> None:
    model = scorer(ModelFile(scripted(Broken(value))), range="unit", output_range="unit")
    with pytest.raises(ValueError, match="made values that are not finite"):
        model.score(picture(8, 8))


def test_pictures_of_one_mini_batch_do_not_depend_on_each_other(checkpoint: bytes) -> None:
    model = scorer(ModelFile(checkpoint), tile="no")
    both = torch.cat([picture(20, 24, 1), picture(20, 24, 2)])
    alone = [made(model.score(each[None])) for each in both]
    assert torch.equal(made(model.score(both)), torch.cat(alone))


@pytest.mark.parametrize("tile", [24, 40])
def test_tiles_show_no_seam(checkpoint: bytes, tile: int) -> None:
    source = picture(97, 131)
    whole = made(scorer(ModelFile(checkpoint), tile="no").score(source))
    model = scorer(ModelFile(checkpoint), tile=tile)
    seen: list[torch.Size] = []
    run = model._network.model.run

    def watched(x: torch.Tensor) -> Any:
        seen.append(x.shape)
        return run(x)

    object.__setattr__(model._network.model, "run", watched)
    tiled = made(model.score(source))
    assert len(seen) > 4
    assert all(max(shape[2:]) < 97 for shape in seen)
    assert float((tiled - whole).abs().max()) < STEP


def test_tiles_are_chosen_once_per_job_and_only_where_a_picture_is_too_large(
    checkpoint: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = CheckpointParams(model="net.pth")
    assert CheckpointScorer.prepare(params, Film(checkpoint, 64, 64)) == {}
    (large,) = CheckpointScorer.prepare(params, Film(checkpoint, 8000, 8000)).values()
    # Twice a layer that reads and writes 64 channels of float32.
    assert 500 < large["side"] <= (512 << 20) ** 0.5 / (4 * 64 * 4) ** 0.5
    # The sum of the 18 kernels reaches 18 pixels.
    assert 8 <= large["margin"] <= 24
    monkeypatch.setattr("impasto.scorers.checkpoint.tiling.machine_memory", lambda: 1 << 29)
    (small,) = CheckpointScorer.prepare(params, Film(checkpoint, 8000, 8000)).values()
    assert small["margin"] == large["margin"]
    assert small["side"] < large["side"] / 2


def swin() -> bytes:
    """A checkpoint of SwinIR x2 with windows of 8 pixels, not trained."""
    known._spandrel()
    from spandrel.architectures.SwinIR import SwinIR

    torch.manual_seed(4)
    network = SwinIR(
        img_size=16,
        window_size=8,
        depths=[2],
        embed_dim=12,
        num_heads=[2],
        upscale=2,
        upsampler="pixelshuffledirect",
    )
    return saved(network.state_dict())


def test_sizes_are_padded_to_windows_and_cropped_and_tiles_keep_to_them() -> None:
    model = scorer(ModelFile(swin()), tile="no")
    source = picture(21, 27)
    enlarged = made(model.score(source))
    assert enlarged.shape == (1, 3, 42, 54)
    reflected = F.pad(source, (0, 5, 0, 3), mode="reflect")
    assert torch.equal(made(model.score(reflected))[:, :, :42, :54], enlarged)
    assert model.notes[0].startswith("net.pth: SwinIR, x2")
    source = picture(110, 150)
    tiled = scorer(ModelFile(swin()), tile=24)
    assert tiled._tiles is not None
    assert tiled._tiles.side % 8 == tiled._tiles.margin % 8 == 0
    change = (made(tiled.score(source)) - made(model.score(source))).abs()
    # Padding comes into the windows at the right and the bottom of the whole picture alone.
    assert float(change[:, :, :200, :280].max()) < STEP


class Scripted(torch.nn.Module):
    """Blurs, and resizes by a factor, which changes with what it is to show."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.avg_pool2d(x, 5, stride=1, padding=2, count_include_pad=False)
        return F.interpolate(x, scale_factor=[self.factor, self.factor], mode="nearest")


class Broken(torch.nn.Module):
    """Makes one sample a certain value."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.clone()
        x[:, :, 0, 0] = self.value
        return x


def scripted(module: torch.nn.Module) -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(module), file)
    return file.getvalue()


def test_any_model_of_free_sizes_is_tiled_where_that_is_wanted() -> None:
    content, source = scripted(Scripted(2.0)), picture(50, 70)
    model = scorer(ModelFile(content), tile=16)
    assert model._tiles is not None
    assert model._tiles.side < 50
    torch.testing.assert_close(
        made(model.score(source)), made(scorer(ModelFile(content)).score(source)), atol=1e-5, rtol=0
    )


def test_results_that_do_not_fit_together_are_not_tiled() -> None:
    with pytest.raises(BadInput, match="makes 64x64 of 128x128, so tiles do not fit together"):
        scorer(ModelFile(scripted(Scripted(0.5))), tile=16)


def test_blending_mixes_with_a_plain_resize(checkpoint: bytes) -> None:
    source = picture(24, 32)
    channels = [Image.fromarray(each.numpy()) for each in source[0]]
    resized = [np.asarray(c.resize((128, 96), Image.Resampling.LANCZOS)) for c in channels]
    plain = torch.from_numpy(np.stack(resized)).clamp(0, 1)[None]
    only = made(scorer(ModelFile(checkpoint)).score(source))
    none, some = (scorer(ModelFile(checkpoint), blend=share) for share in (0.0, 0.6))
    torch.testing.assert_close(made(none.score(source)), plain, atol=1e-5, rtol=0)
    torch.testing.assert_close(
        made(some.score(source)), 0.6 * only + 0.4 * plain, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(
    ("size", "expected"),
    [("2x", (48, 64)), ("1.5x", (36, 48)), ("100x60", (60, 80)), ("40x60", (30, 40))],
)
def test_pictures_get_the_size_that_is_wanted_in_their_own_shape(
    checkpoint: bytes, size: str, expected: tuple[int, int]
) -> None:
    enlarged = made(scorer(ModelFile(checkpoint), output_size=size).score(picture(24, 32)))
    assert enlarged.shape[2:] == expected


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("output_size", "100", "output_size=100`: must be WIDTHxHEIGHT of 1 to 32768 pixels"),
        ("output_size", "0x9", "must be WIDTHxHEIGHT"),
        ("output_size", "0x", "must be WIDTHxHEIGHT"),
        ("tile", "0", "tile=0`: must be auto, no or a number of pixels"),
        ("tile", "none", "tile=none`: must be auto, no"),
        ("blend", "1.5", "blend=1.5`: must be from 0 to 1"),
    ],
)
def test_wrong_parameters_are_refused_before_a_job_begins(
    field: str, value: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        find("checkpoint").parse({"model": "net.pth", field: value})


def test_transparency_is_enlarged_with_its_picture(tmp_path: Path, checkpoint: bytes) -> None:
    (tmp_path / "net.pth").write_bytes(checkpoint)
    (tmp_path / "in").mkdir()
    image = Image.linear_gradient("L").resize((16, 12)).convert("RGB")
    image.putalpha(Image.linear_gradient("L").rotate(90).resize((16, 12)))
    image.save(tmp_path / "in/a.png")
    spec = impasto.JobSpec(
        source=str(tmp_path / "in"),
        output=f"{tmp_path}/out/",
        scorer=f"checkpoint:{tmp_path}/net.pth",
    )
    settings = impasto.Settings(engine="inline", home=str(tmp_path / "home"))
    impasto.run(spec, settings=settings)
    with Image.open(tmp_path / "out/a.png") as enlarged:
        assert (enlarged.mode, enlarged.size) == ("RGBA", (64, 48))
        alpha = np.asarray(enlarged.getchannel("A").resize((16, 12), Image.Resampling.BOX), float)
    assert np.abs(alpha - np.asarray(image.getchannel("A"), float)).max() < 8


def test_a_video_is_enlarged_with_its_sound_and_the_job_says_by_what(
    tmp_path: Path, checkpoint: bytes
) -> None:
    (tmp_path / "net.pth").write_bytes(checkpoint)
    make_clip(tmp_path / "in.mp4", frames=3, size=(48, 32), audio=("aac",))
    spec = impasto.JobSpec(
        source=str(tmp_path / "in.mp4"),
        output=str(tmp_path / "out.mp4"),
        scorer=f"checkpoint:{tmp_path}/net.pth",
        params={"tile": 24, "output_size": "150x100"},
    )
    settings = impasto.Settings(engine="inline", home=str(tmp_path / "home"))
    result = impasto.run(spec, settings=settings)
    assert result.items == 3
    import av

    with av.open(str(tmp_path / "out.mp4")) as film:
        video = film.streams.video[0]
        assert (video.width, video.height) == (150, 100)
        assert len(film.streams.audio) == 1
        assert sum(1 for _ in film.decode(video)) == 3


def compact(channels: int) -> bytes:
    """A checkpoint of the same kind of network, x2, for other colours; not trained."""
    draw = torch.Generator().manual_seed(5)
    shapes = {"0": (8, channels), "2": (8, 8), "4": (4 * channels, 8)}
    state: dict[str, torch.Tensor] = {}
    for n, (outputs, inputs) in shapes.items():
        state[f"body.{n}.weight"] = 0.1 * torch.randn(outputs, inputs, 3, 3, generator=draw)
        state[f"body.{n}.bias"] = torch.zeros(outputs)
    state |= {f"body.{n}.weight": torch.full((8,), 0.2) for n in (1, 3)}
    return saved(state)


def test_a_network_for_grey_gets_the_luma_and_makes_grey() -> None:
    model = scorer(ModelFile(compact(1)))
    source = picture(12, 16)
    enlarged = made(model.score(source))
    assert enlarged.shape == (1, 3, 24, 32)
    assert torch.equal(enlarged[:, :1].expand(-1, 3, -1, -1), enlarged)
    luma = (source * torch.tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    torch.testing.assert_close(made(model.score(luma.expand(-1, 3, -1, -1))), enlarged)
    assert model.notes == ("net.pth: RealESRGAN Compact, x2, grey, values 0 to 1",)


def test_a_network_for_other_colours_is_refused() -> None:
    with pytest.raises(BadInput, match="takes 4 channels and makes 4, neither grey nor RGB"):
        scorer(ModelFile(compact(4)))


def test_without_spandrel_the_message_says_how_to_install_it(
    checkpoint: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(BadInput, match=r"holds weights \(.*spandrel is not installed") as error:
        scorer(ModelFile(checkpoint))
    assert "pip install 'impasto[models]'" in str(error.value)


def test_weights_that_nobody_knows_are_refused() -> None:
    with pytest.raises(BadInput, match=r"unknown network \(a, b, \.\.\.\)"):
        scorer(ModelFile(saved({"a": torch.zeros(2), "b": torch.zeros(2)})))


@pytest.mark.parametrize("state", [{}, {"state_dict": {}}])
def test_a_checkpoint_without_weights_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"net\.pth: holds no weights"):
        scorer(ModelFile(saved(state)))


def test_jobs_that_set_none_of_the_newer_parameters_keep_their_ids() -> None:
    entry, source = find("checkpoint"), ("file:///in.mp4", "e")

    def name(**params: str) -> str:
        spec = JobSpec(
            source=source[0],
            output="file:///out.mp4",
            scorer="checkpoint",
            params={"model": "net.pth", **params},
            pins={"model": "ab" * 32},
        )
        return job_id(spec, entry, entry.parse(spec.params), source, "video", {})

    assert name() == name(tile="auto") == "621526494b42"
    others = [name(tile="no"), name(blend="0.5"), name(output_size="2x")]
    assert len({name(), *others}) == 4
