"""Frames of a video to choose from, before one of them is scored; in a child process."""

from __future__ import annotations

import base64
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

from impasto.driver.open_job import open_draft
from impasto.driver.sampling import Sampled
from impasto.media.small import small_jpeg
from impasto.server.models.submitting import Moment, MomentList
from impasto.server.work.submitting import resolved

if TYPE_CHECKING:
    from impasto.settings import Settings

SHOWN = 4
"""Frames to choose from."""
SIDE = 240
"""Longer side of a frame that is shown, in pixels."""


def moments(
    settings: Settings,
    config: str | None,
    spec: dict[str, Any],
    places: list[str],
    rule: dict[str, Any] | None = None,
) -> bytes:
    """Return `MomentList` as JSON.

    Args:
        settings: as the service has them.
        config: the config file that was named, or None.
        spec: fields of the spec.
        places: what the caller may read and write.
        rule: its ``name`` and ``style``, if a rule says all but the source.
    """
    wanted, _ = resolved(settings, config, spec, places, rule)
    sampled = Sampled(open_draft(wanted, settings.model_copy(update={"engine": "local"})))
    facts = sampled.plan.facts
    if facts is None:
        return MomentList().model_dump_json().encode()
    told = sampled.telling(SHOWN)
    found = []
    for each in told.chosen:
        (frame,) = sampled.frames(each.index, each.index + 1)
        picture = base64.b64encode(small_jpeg(frame, SIDE, facts)).decode()
        found.append(Moment(at=_after(sampled.moment(each.index)), picture=picture))
    return MomentList(moments=found, main=told.chosen.index(told.main)).model_dump_json().encode()


def _after(moment: Fraction) -> float:
    """Return a moment in whole milliseconds, at which the frame is shown already."""
    return ceil(moment * 1000) / 1000
