"""The settings that a cluster gets: where code for callers is kept, out of their reach."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from checks.finding import Finding
from checks.rendered import Rendered

FILE = "impasto.toml"


def check(overlay: Rendered) -> Iterator[Finding]:
    """Return what the settings in an overlay's ConfigMaps lack."""
    for held in overlay.of("ConfigMap"):
        text = (held.get("data") or {}).get(FILE)
        if text is None:
            continue
        try:
            settings = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            yield overlay.find(held, f"{FILE}: {error}")
            continue
        for said in _faults(settings):
            yield overlay.find(held, f"{FILE}: {said}")


def _faults(settings: dict[str, Any]) -> Iterator[str]:
    serve = settings.get("serve") or {}
    if not serve.get("code"):
        yield "[serve] has no code, so operators may use no script and no model of their own"
    reached = [*(serve.get("read") or []), *(serve.get("write") or [])]
    reached += [rule["inbox"] for rule in settings.get("rules", {}).values()]
    outside = [
        store["url"]
        for store in settings.get("stores", {}).values()
        if store.get("role") != "control"
    ]
    for place in serve.get("code") or []:
        for other in (*reached, *outside):
            if f"{place}/".startswith(f"{other.rstrip('/')}/"):
                yield f"code {place} is below {other}, where others than you put things"
