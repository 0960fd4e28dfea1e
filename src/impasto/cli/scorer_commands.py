"""Commands that take the parameters of a scorer besides their own options."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from impasto.cli.parsing import Command, next_value, value_of
from impasto.cli.render.text import note
from impasto.cli.scorer_flags import REQUIRED, SHARES, Flag, describe, find, roles_of, row, unread
from impasto.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from impasto.scorers.roles import Roles

PARAMS = "impasto.params"
"""The key of the scorer's parameters in a command's context."""
SCORER = "impasto.scorer"
"""The key of the scorer's name there."""
STYLES = "impasto.styles"
"""The key of several pictures for one parameter there: the parameter, and the pictures."""
WORDS = "impasto.words"
"""The key of the words after a command there."""


class ScorerCommand(Command):
    """A command that takes, besides its own options, the parameters of the scorer it names."""

    def own_words(self, ctx: Any, args: Sequence[str]) -> list[str]:
        """Take the scorer's parameters out; raises BadInput when one is unknown or has no value."""
        ctx.meta[SCORER] = self.scorer(args)
        ctx.meta[PARAMS] = {}
        words = super().own_words(ctx, args)
        if not {*ctx.help_option_names} & {*args}:
            self._tell_hidden(ctx)
        return words

    def _tell_hidden(self, ctx: Any) -> None:
        """Say which arguments of the user's class no option can reach; raises BadInput."""
        scorer = ctx.meta[SCORER]
        if ":" not in scorer or "://" in scorer or not roles_of(scorer).class_args:
            return
        own = self.takes_values(ctx)
        for flag in describe(scorer)[1]:
            if flag.flag not in own:
                continue
            fact = f"{scorer}: {flag.flag} is an option of '{ctx.command_path}', so it does not set"
            fact += f" the class's argument {flag.name!r}"
            if flag.default == REQUIRED:
                raise BadInput(fact, "rename the argument")
            note(f"{fact}; rename the argument to set it")

    def scorer(self, args: Sequence[str]) -> str:
        """Return the scorer that the arguments name."""
        return value_of(args, "--scorer") or "style"

    def other_option(self, ctx: Any, word: str, left: Iterator[str]) -> None:
        """Take a parameter of the scorer; raises BadInput when it is none, or is given twice."""
        name, equals, value = word.partition("=")
        own, given = self.takes_values(ctx), ctx.meta[PARAMS]
        flag = find(ctx.meta[SCORER], name, own, ctx.command_path)
        again = flag.name in given and not (flag.switch or flag.named)
        if again and not self.takes_several(ctx.meta[SCORER], flag.name):
            several = _is_picture(ctx.meta[SCORER], flag.name)
            also = "; only `impasto run` makes a job of each" if several else ""
            raise BadInput(f"{flag.flag}: is given twice", f"leave one out{also}")
        taken: Any = value
        if not equals:
            taken = flag.switch or next_value(left, name, own, ctx.command_path)
        if flag.named:
            by_name = flag.type != SHARES
            _add_named(flag, taken, given.setdefault(flag.name, {}), by_name=by_name)
        elif again:
            _, before = ctx.meta.get(STYLES, ("", [given[flag.name]]))
            ctx.meta[STYLES] = flag.name, [*before, taken]
        else:
            given[flag.name] = taken

    def takes_several(self, scorer: str, param: str) -> bool:
        """Return whether the command takes several values of a scorer's parameter."""
        return False

    def more_groups(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        """Return the rows of the scorer's parameters."""
        scorer = ctx.meta[SCORER]
        _, flags = describe(scorer)
        paints = any(flag.name == "style" for flag in flags)
        title = f"How it looks (scorer {scorer})" if paints else f"Scorer {scorer}"
        roles = roles_of(scorer)
        own = self.takes_values(ctx)
        others = [flag for flag in flags if flag.flag not in own]
        rows = [self._row(flag, scorer, roles) for flag in others]
        return {title: rows or unread(scorer, roles)}

    def _row(self, flag: Flag, scorer: str, roles: Roles) -> tuple[str, str]:
        if self.takes_several(scorer, flag.name):
            more = "may be given several times, with {style} in the output's name."
            flag = replace(flag, about=f"{flag.about.rstrip('.')}; {more}")
        return row(flag, is_file=flag.name in roles.files)


def _add_named(flag: Flag, text: str, values: dict[str, str], *, by_name: bool) -> None:
    """Add ``NAME=VALUE`` to the values of a flag; raises BadInput where it is something else.

    Args:
        flag: the flag.
        text: what it is given.
        values: those that it has already.
        by_name: whether the first equals sign counts, rather than the last, as after a file.
    """
    name, equals, value = text.partition("=") if by_name else text.rpartition("=")
    if not (name and equals and value):
        wanted = "NAME=VALUE" if by_name else SHARES
        raise BadInput(f"{flag.flag} {text}: has no name and value", f"write {wanted}")
    if name in values:
        raise BadInput(f"{flag.flag} {name}=: is given twice", "leave one out")
    values[name] = value


def _is_picture(scorer: str, param: str) -> bool:
    from impasto.scorers.params import Role

    return roles_of(scorer).files.get(param) is Role.PICTURE


class SetCommand(ScorerCommand):
    """A `ScorerCommand` that makes a job for each of several pictures of a style."""

    def own_words(self, ctx: Any, args: Sequence[str]) -> list[str]:
        """Take the scorer's parameters out; raises what `ScorerCommand.own_words` does."""
        ctx.meta[WORDS] = [*args]
        return super().own_words(ctx, args)

    def takes_several(self, scorer: str, param: str) -> bool:
        """Return whether a parameter is a picture, such as the painting of a style."""
        return _is_picture(scorer, param)


class FirstArgumentCommand(ScorerCommand):
    """A `ScorerCommand` whose first argument is the scorer."""

    def scorer(self, args: Sequence[str]) -> str:
        """Return the first word that is neither an option nor the value of one of the command's."""
        valued = {
            name
            for param in self.params
            if not getattr(param, "is_flag", False)
            for name in param.opts
            if name.startswith("-")
        }
        left = iter(args)
        for word in left:
            if not word.startswith("-"):
                return word
            if word in valued:
                next(left, None)
        return "style"
