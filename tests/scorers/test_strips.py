from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from impasto.scorers.style import strips
from impasto.scorers.style.fast import FastTransformer
from impasto.scorers.style.scorer import load_weights


def picture(height: int, width: int) -> torch.Tensor:
    noise = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    return F.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1)


def network(dtype: torch.dtype, *, smooth: bool) -> FastTransformer:
    style = torch.randn(100, generator=torch.Generator().manual_seed(1))
    return FastTransformer(
        load_weights("transformer"), style, torch.device("cpu"), dtype, smooth=smooth
    )


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize(
    ("height", "width", "rows"), [(96, 60, 32), (100, 32, 48), (64, 64, 64), (132, 40, 8)]
)
def test_strips_make_what_the_whole_picture_makes(
    height: int, width: int, rows: int, smooth: bool
) -> None:
    image = picture(height, width)
    with torch.inference_mode():
        net = network(torch.float32, smooth=smooth)
        whole, made = net(image), strips.paint(net, image, rows)
    assert whole.std() > 0.05
    assert float((made - whole).abs().max()) < 1e-4


def test_strips_of_sixteen_bits_stay_close() -> None:
    image = picture(192, 128)
    with torch.inference_mode():
        exact = network(torch.float32, smooth=True)(image)
        made = strips.paint(network(torch.bfloat16, smooth=True), image, 64)
    assert -10 * float((made - exact).square().mean().log10()) > 45
