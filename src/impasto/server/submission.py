"""What a caller may have done: a submission, checked by who sends it, as a job's spec.

Nothing is opened here. Whether links lead out of the caller's places is looked at where the job is
submitted (`impasto.server.work.submitting`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.planning.template import below, place_below
from impasto.schema.base import parse
from impasto.schema.job import JobSpec
from impasto.schema.url import normal
from impasto.schema.url import parse as parse_url
from impasto.scorers import registry
from impasto.scorers.params import Role
from impasto.scorers.roles import PINNED
from impasto.server.access.caller import within
from impasto.server.models.submitting import OPERATORS, OPTIONS
from impasto.server.naming import output_for
from impasto.server.problems import Refused, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.scorers.entry import Entry
    from impasto.server.access.caller import Caller
    from impasto.server.context import Context
    from impasto.server.models.submitting import Submission


def checked_spec(context: Context, caller: Caller, given: Submission) -> JobSpec:
    """Return the spec of a submission that names no rule.

    Raises:
        BadInput: something in it is wrong, or is not where the caller may read or write.
        Refused: it needs another role.
    """
    entry = registry.find(given.scorer)
    needs_operator = runs_code(entry)
    if needs_operator and not caller.may("operator"):
        raise Refused(
            403, f"scorer {given.scorer}: runs code or a model of yours", "this needs an operator"
        )
    check_source(context, caller, given.source)
    _check_options(caller, given)
    scorer, params = registry.split_name(given.scorer, given.params)
    _check_files(context, caller, entry, params)
    if requirements := given.options.get("requirements"):
        _check_trusted(context, caller, "requirements", str(requirements))
    fields = {
        **given.options,
        "source": given.source,
        "scorer": scorer,
        "params": params,
    }
    output = _named(caller, given.output) or output_for(_place(caller), fields)
    _check_home(context, output)
    caller.check_write(output)
    own = {"tenant": caller.tenant, "labels": given.labels, "overwrite": given.overwrite}
    spec = parse(JobSpec, {**fields, **own, "output": output, "exact": True})
    if spec.signatures.reveal():
        raise BadInput("a URL carries a signature", "leave it out; the service has its own access")
    return spec


def check_rule(context: Context, caller: Caller, given: Submission) -> None:
    """Check a submission that names a rule.

    Raises:
        BadInput: it says more than which object, which style and which labels, or the source is not
            where the caller may read.
        Refused: the caller may not see the rule.
    """
    if not caller.sees_rule(given.rule):
        raise unknown(f"rule {given.rule}")
    more = {"output": given.output, "options": given.options, "overwrite": given.overwrite}
    for name, value in more.items():
        if value:
            raise BadInput(f"{name}: is up to rule {given.rule}", "leave it out")
    if given.params.keys() - {"style"}:
        raise BadInput(f"params: are up to rule {given.rule}", "name a style of it, or none")
    check_source(context, caller, given.source)


def check_source(context: Context, caller: Caller, source: str) -> None:
    """Refuse a source that the caller may not read; raises BadInput."""
    _check_home(context, source)
    caller.check_read(source)


def runs_code(entry: Entry) -> bool:
    """Return whether a scorer runs a program or a model that its user names."""
    return bool(entry.roles.argument) or Role.CODE in entry.roles.files.values()


def _check_options(caller: Caller, given: Submission) -> None:
    for name in given.options:
        if name in OPERATORS and not caller.may("operator"):
            raise Refused(403, f"options.{name}: needs the role operator", "leave it out")
        if name not in OPTIONS | OPERATORS:
            known = ", ".join(sorted(OPTIONS))
            raise BadInput(f"options.{name[:40]}: cannot be set here", f"choose from {known}")


def _check_files(context: Context, caller: Caller, entry: Entry, params: dict[str, Any]) -> None:
    """Check the files that parameters name, each by its role."""
    for file in entry.files(params, Role.PICTURE):
        _check_home(context, file.url)
        caller.check_read(file.url)
    for file in entry.files(params, *PINNED):
        _check_trusted(context, caller, file.name, file.url)
    # Nobody may write into a folder of code or of a model, nor below it.
    for file in entry.files(params, Role.FOLDER, Role.CODE_FOLDER):
        for scope in _scopes(context):
            if below(parse_url(file.url), parse_url(scope)):
                raise BadInput(
                    f"{file.name}: callers may write below {normal(file.url)}",
                    "put it somewhere else",
                )


def _check_trusted(context: Context, caller: Caller, name: str, url: str) -> None:
    """Refuse weights and code unless an operator names them, where only such things are kept."""
    if not caller.may("operator"):
        raise Refused(403, f"{name}: needs the role operator", "leave it out")
    if not within(url, context.serve.code):
        raise BadInput(
            f"{name}: {normal(url)} is not where code for callers is kept",
            "ask the administrator to put it there; see `code` of [serve]",
        )
    place = parse_url(url)
    for scope in _scopes(context):
        if below(parse_url(scope), place) is not None:
            raise BadInput(
                f"{name}: {normal(url)} is where callers may write", "put it somewhere else"
            )


def _scopes(context: Context) -> Iterator[str]:
    """Yield every place that some caller may read from or write to."""
    yield from (*context.serve.read, *context.serve.write)
    for scope in context.serve.tenants.values():
        yield from (*scope.read, *scope.write)


def _check_home(context: Context, url: str) -> None:
    """Refuse a place in the home of jobs, whoever may read or write around it."""
    if below(parse_url(context.settings.home), parse_url(url)) is not None:
        raise BadInput(f"{normal(url)}: is in the home of jobs", "choose another place")


def _named(caller: Caller, output: str) -> str:
    """Return an output's URL; a name alone is below the first place that the caller may write."""
    name = output.rstrip("/")
    if not name or "/" in name:
        return output
    return place_below(parse_url(_place(caller)), name, folder=name != output)


def _place(caller: Caller) -> str:
    """Return the folder of outputs of which no place is named."""
    if not caller.write:
        raise BadInput("output: there is no place where you may write", "ask the administrator")
    return caller.write[0]
