"""The jobs of a command that names several: which they are, and running them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.cli.surplus import a_list, others, pattern_of
from impasto.errors import BadInput, Incomplete, Interrupted, StoppedAtOnce, Unavailable

if TYPE_CHECKING:
    from impasto.cli.options import Shown
    from impasto.cli.set_progress import SetWatch
    from impasto.cli.spec_options import Asked
    from impasto.driver.sets.members import JobSet
    from impasto.errors import ImpastoError
    from impasto.settings import Settings

NAMED = 5
"""Failed jobs that the last line names; each was told when it ended."""


def name_jobs(asked: Asked, settings: Settings, plot: str | None) -> JobSet:
    """Name the jobs of a command, and refuse what would make all of them fail.

    Args:
        asked: what the command names.
        settings: how the jobs run.
        plot: the value of --plot.

    Raises:
        BadInput, Unavailable: as `impasto.driver.sets.members`; or an option is for a single job.
    """
    from impasto.driver.sets import members
    from impasto.schema.signatures import Signatures
    from impasto.schema.url import split_signature
    from impasto.storage.stores import Stores

    sources = [split_signature(each) for each in _sources(asked)]
    styles = [split_signature(each) for each in asked.styles]
    queries = {url: query for url, query in (*sources, *styles) if query}
    spec = asked.spec.signed(asked.spec.signatures | Signatures(queries))
    pictures = members.Styles(asked.param, [url for url, _ in styles])
    stores = Stores.of(settings, spec)
    named = members.name_jobs(spec, [url for url, _ in sources], stores, pictures)
    if named.several:
        _check_options(settings, plot)
        members.check(named, settings)
    return named


def _check_options(settings: Settings, plot: str | None) -> None:
    if settings.engine == "inline":
        raise BadInput("--engine inline: is for a single job", "name one source and one style")
    if plot:
        raise BadInput("--plot: is for a single job", "name one source and one style")


def _sources(asked: Asked) -> list[str]:
    """Return a command's sources; what a shell made of a pattern of images is one again."""
    from impasto.driver.sets.members import FIELD
    from impasto.media.formats import is_image
    from impasto.schema.url import is_local

    given = asked.sources
    if len(given) == 1:
        return given
    local = [each for each in given if is_local(each)]
    output, spec = asked.spec.output, asked.spec
    alike = all(map(is_image, given)) or spec.items == "files" or spec.scorer.startswith("script:")
    if not alike or len(local) < len(given) or FIELD.search(output):
        return given
    if pattern := pattern_of(given):
        return [pattern]
    if Path(output).suffix and not output.endswith("/") and not Path(output).is_dir():
        raise BadInput(
            f"{output}: is one file, but no pattern names these {len(given)} sources alone",
            a_list("impasto run", others(asked.words, given), given),
        )
    return given


def run_all(named: JobSet, settings: Settings, show: Shown, at_once: int) -> None:
    """Run the jobs of a set with one progress bar, and print how each ended.

    Raises:
        Interrupted: the user stopped it.
        ImpastoError: jobs failed: of their own kind if that is one, else `Incomplete`.
    """
    from impasto.cli import interrupt, progress, streams
    from impasto.cli.set_progress import UNITS, SetWatch
    from impasto.driver.sets.run import SetProgress, SetRunner
    from impasto.engines.process import stop_spare

    # A first worker of this process has nothing to do.
    stop_spare()
    streams.act()
    began, of = time.perf_counter(), len(named.members)
    watch = SetWatch(settings.home, as_json=show.as_json, quiet=show.quiet)
    at_once_asked = False
    with (
        progress.progress(show.quiet, UNITS) as shown,
        SetRunner(settings, at_once) as runner,
    ):

        def update(now: SetProgress) -> None:
            shown.update(watch.event(now))

        try:
            with interrupt.interruptible(shown.stopping, lambda: not watch.worth) as stop:
                runner.run(named.members, stop, update, watch.ended)
        except KeyboardInterrupt:
            at_once_asked = True
    error = _end(watch, of, at_once=at_once_asked, asked=stop.is_set())
    watch.summary(of, time.perf_counter() - began, error.exit_code if error else 0)
    if error:
        # The JSON lines say it; only the exit code is left to be told.
        raise type(error)("") if show.as_json else error


def _end(watch: SetWatch, of: int, *, at_once: bool, asked: bool) -> ImpastoError | None:
    """Return the error with which a set ends, if any."""
    counts = watch.counts
    left = of - counts.total() + counts["stopped"]
    if left and (at_once or asked):
        kind = StoppedAtOnce if at_once else Interrupted
        return kind(f"stopped: {watch.said(left)}; run the same command to go on")
    failed = counts["failed"] + counts["stopped"]
    if not failed:
        return None
    more = ", ..." if len(watch.failures) > NAMED else ""
    fact = f"{failed:,} of {of:,} jobs failed ({', '.join(watch.failures[:NAMED])}{more})"
    remedy = "correct what is said above, and run the same command again"
    # Where all failed for one kind of reason, the exit code says which.
    kinds = {each.exit_code: each for each in (BadInput, Unavailable)}
    if len(watch.codes) == 1 and failed == of:
        return kinds.get(min(watch.codes), Incomplete)(fact, remedy)
    return Incomplete(fact, remedy)
