"""One item of a source, scored in a child process: as the job would, without a job."""

from __future__ import annotations

import base64
import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from PIL import Image

from impasto.driver.open_job import open_draft
from impasto.driver.sampling import Sampled
from impasto.driver.trial import loaded
from impasto.errors import BadInput, ImpastoError
from impasto.media.frame import Frame
from impasto.media.read.describe import rotation
from impasto.scorers.user.loading import brief
from impasto.server.models.submitting import Preview
from impasto.server.work.submitting import estimate, resolved

if TYPE_CHECKING:
    from impasto.settings import Settings
    from impasto.worker.trial import Picture, Readable, Trial, Tried

SIDE = 960
"""Longer side of a picture that is shown, in pixels."""
RECORDS = 20
"""Records of an item that are shown."""


def preview(
    settings: Settings,
    config: str | None,
    spec: dict[str, Any],
    places: list[str],
    rule: dict[str, Any] | None = None,
    at: float | None = None,
) -> bytes:
    """Score one item; returns `Preview` as JSON.

    The item is scored in its own size, since that decides how large strokes look, and shown
    smaller.

    Args:
        settings: as the service has them.
        config: the config file that was named, or None.
        spec: fields of the spec.
        places: what the caller may read and write.
        rule: its ``name`` and ``style``, if a rule says all but the source.
        at: the moment of a video, in seconds; None takes an item near the middle.
    """
    local = settings.model_copy(update={"engine": "local"})
    wanted, driven = resolved(settings, config, spec, places, rule)
    draft = open_draft(wanted, local)
    sampled = Sampled(draft)
    moment = Fraction(at).limit_denominator(1000) if at is not None else None
    chosen = sampled.spread(1)[0] if moment is None else sampled.at([moment])[0]
    item = sampled.read(chosen)
    facts = sampled.plan.facts
    shape = (facts.sample_aspect, rotation(facts)) if facts else (Fraction(1), 0)
    with loaded(draft, draft, sampled.plan, sampled.first) as trial:
        source = trial.picture(item) if isinstance(item, Frame) else None
        tried = _scored(trial, item, wanted.scorer)
        notes = trial.notes
    whole = estimate(wanted, driven, tried.seconds)
    made = Preview(
        source=_jpeg(source, *shape),
        scored=_jpeg(tried.picture, *shape),
        record=[dict(each) for each in tried.records[:RECORDS]],
        at=float(sampled.moment(chosen.index)) if facts else None,
        estimate=whole.model_copy(update={"warnings": [*whole.warnings, *notes]}),
    )
    return made.model_dump_json().encode()


def _scored(trial: Trial, item: Readable, scorer: str) -> Tried:
    try:
        return trial.score(item)
    except ImpastoError:
        raise
    except Exception as error:  # noqa: BLE001 (scorers raise anything)
        raise BadInput(f"scorer {scorer}: {brief(error)}", "try another item") from None


def _jpeg(picture: Picture | None, aspect: Fraction, turn: int) -> str:
    """Return a picture as players show it, small, as JPEG in base64; "" for none."""
    if picture is None:
        return ""
    image = Image.fromarray(picture)
    if aspect != 1:
        image = image.resize((max(1, round(image.width * aspect)), image.height))
    if turn:
        image = image.rotate(-turn, expand=True)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    held = io.BytesIO()
    image.save(held, "JPEG", quality=88)
    return base64.b64encode(held.getvalue()).decode()
