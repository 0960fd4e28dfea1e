"""What commands share that score a few items without a job."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from impasto.errors import BadInput, Exists, Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from impasto.schema.job import JobSpec
    from impasto.settings import Settings

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]


@contextmanager
def interruptible() -> Iterator[None]:
    """Say of Ctrl-C that nothing is left to go on with; raises Interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("stopped; nothing was written") from None


def settings(config: str | None, **flags: object) -> Settings:
    """Return the settings of a command that scores in this process; raises BadInput."""
    from impasto.settings import load

    # Whatever a job would use, this process is what scores now.
    return load(config, engine="local", **flags)


def spec(ctx: typer.Context, fields: dict[str, Any]) -> JobSpec:
    """Return a spec of fields; raises BadInput for the first that is wrong."""
    from impasto.schema.base import parse
    from impasto.schema.job import JobSpec

    # No output is made, but every spec names one.
    return parse(JobSpec, {**fields, "output": "out"}, f"see '{ctx.command_path} --help'")


def target(output: str, suffixes: Sequence[str], *, overwrite: bool) -> Path:
    """Check a file that will be written before anything takes long; raises BadInput."""
    from impasto.schema.url import is_local

    if not is_local(output):
        raise BadInput(f"{output}: is a URL", "name a file on this machine, and copy it")
    path = Path(output)
    if path.suffix.lower() not in suffixes:
        known = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        raise BadInput(
            f"{output}: its name must end in {known}", f"write {path.with_suffix(suffixes[0])}"
        )
    if path.exists() and not (overwrite and path.is_file()):
        remedy = "add --overwrite to replace it" if path.is_file() else "choose another name"
        raise Exists(f"{output}: already exists", remedy)
    if not path.parent.is_dir():
        raise BadInput(f"{output}: its folder does not exist", "create it")
    return path
