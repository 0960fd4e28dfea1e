"""Commands with help in groups, and one clear line for every word that they do not understand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.exceptions import Exit

from impasto.cli import habits, help_page
from impasto.cli.surplus import no_output, surplus
from impasto.errors import BadInput, meant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_ALIASES = {"out": "--output"}
"""Other names of options, in the form of `plainest`."""
_KINDS: dict[Any, str] = {int: "a whole number", float: "a number"}


class App(typer.Typer):
    """An application whose commands are `Command` unless they say otherwise."""

    def command(self, name: str | None = None, **options: Any) -> Callable[..., Any]:
        """Add a command; takes what `typer.Typer.command` does."""
        return super().command(name, **{"cls": Command, **options})


class Group(TyperGroup):
    """Commands in groups; without one of them, it prints its help, unless it acts by itself."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Print help when there are no arguments; raises BadInput for an unknown option."""
        if not args and not ctx.resilient_parsing and not self.invoke_without_command:
            print(ctx.get_help())
            raise Exit
        options = {name for param in self.get_params(ctx) for name in param.opts}
        if args and args[0].startswith("-") and args[0].partition("=")[0] not in options:
            raise unknown(args[0], options, f"{ctx.command_path} --help")
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """Look a command up; raises BadInput when there is none of that name."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            known = "" if ctx.parent else habits.command(args)
            likely = known or meant(args[0], self.commands)
            raise BadInput(
                f"{args[0]}: unknown command",
                likely or f"'{ctx.command_path} --help' lists the commands",
            )
        found: tuple[Any, Any, list[str]] = super().resolve_command(ctx, args)
        return found

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands by group, then the options."""
        rows = {
            name: (name, command.get_short_help_str(formatter.width))
            for name, command in self.commands.items()
            if not command.hidden
        }
        groups = {
            title: [rows.pop(name) for name in names if name in rows]
            for title, names in (help_page.COMMANDS if ctx.parent is None else {}).items()
        }
        groups["Other commands" if any(groups.values()) else "Commands"] = [*rows.values()]
        help_page.write_groups(
            formatter, {title: found for title, found in groups.items() if found}
        )
        help_page.write_groups(formatter, help_page.option_groups(self.get_params(ctx), ctx, {}))


class Command(TyperCommand):
    """A command that accepts its options in other spellings, and says which one was meant."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; raises BadInput for the first that is wrong."""
        try:
            words = self.own_words(ctx, args)
        except BadInput:
            if not {*ctx.help_option_names} & {*args}:
                raise
            words = ["--help"]
        ctx.allow_extra_args = True
        try:
            extra: list[str] = super().parse_args(ctx, [*words])
        except typer.BadParameter as error:
            raise self._wrong(ctx, error, words) from None
        if extra and not ctx.resilient_parsing:
            raise self._surplus(ctx, args, extra)
        return extra

    def own_words(self, ctx: Any, args: Sequence[str]) -> list[str]:
        """Return arguments with the command's own options under their proper names.

        Raises:
            BadInput: an option is unknown or has no value.
        """
        takes = self.takes_values(ctx)
        proper = {plainest(name): name for name in takes if name.startswith("--")}
        proper |= {other: name for other, name in _ALIASES.items() if name in takes}
        rest: list[str] = []
        foreign: dict[str, str] = {}
        left = iter(args)
        if error := habits.quality(args, takes):
            raise error
        for word in left:
            if word == "--":
                rest += [word, *left]
                break
            name, equals, value = word.partition("=")
            if not re.match("-.", word):
                rest.append(word)
                continue
            if name not in takes and _is_short(word, takes) and not habits.is_habit(word):
                rest.append(word)
                continue
            own = name if name in takes else proper.get(plainest(name) if name[1] == "-" else "")
            if own is None and habits.is_habit(word):
                foreign[word] = next(left, "") if habits.takes_value(word) else ""
                continue
            if own is None:
                self._elsewhere(ctx, word, left)
                continue
            rest.append(own + equals + value)
            if takes[own] and not equals:
                rest.append(next_value(left, own, takes, ctx.command_path))
        if foreign:
            raise habits.refusal(foreign)
        _refuse_twice(rest)
        return rest

    def _elsewhere(self, ctx: Any, word: str, left: Iterator[str]) -> None:
        """Take an option as `other_option` does; raises BadInput that knows other names."""
        try:
            self.other_option(ctx, word, left)
        except BadInput as error:
            raise habits.other_name(word, next(left, ""), self.takes_values(ctx)) or error from None

    def other_option(self, ctx: Any, word: str, left: Iterator[str]) -> None:
        """Take an option that is not the command's own; raises BadInput when there is none.

        Args:
            ctx: the command's context.
            word: the option, perhaps with its value.
            left: the words after it.
        """
        raise unknown(word, self.takes_values(ctx), f"{ctx.command_path} --help")

    def takes_values(self, ctx: Any) -> dict[str, bool]:
        """Return the command's options, and whether each takes a value."""
        return {
            name: not (param.is_flag or param.count)
            for param in self.get_params(ctx)
            if isinstance(param, TyperOption)
            for name in (*param.opts, *param.secondary_opts)
        }

    def _arguments(self, ctx: Any, words: Sequence[str]) -> list[str]:
        """Return those of a command's words, by their proper names, that belong to no option."""
        takes, found, left = self.takes_values(ctx), [], iter(words)
        for word in left:
            if not word.startswith("-"):
                found.append(word)
            elif takes.get(word):
                next(left, None)
        return found

    def more_groups(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        """Return groups of options besides the command's own, for its help."""
        return {}

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line."""
        arguments = [param for param in self.params if param.param_type_name == "argument"]
        named = [
            (help_page.argument_name(param), param.required)
            for param in arguments
            if not getattr(param, "hidden", False)
        ]
        return ["[OPTIONS]", *(name if needed else f"[{name}]" for name, needed in named)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options, in groups."""
        params = self.get_params(ctx)
        groups = help_page.option_groups(params, ctx, self.more_groups(ctx))
        arguments = help_page.argument_rows(params)
        help_page.write_groups(
            formatter, {"Arguments": arguments} | groups if arguments else groups
        )

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples."""
        help_page.write_examples(formatter, self.name or "")

    def _wrong(self, ctx: Any, error: typer.BadParameter, words: Sequence[str]) -> BadInput:
        """Return what is wrong with a value that Typer refuses, or which one it misses."""
        param: Any = error.param
        remedy = f"see '{ctx.command_path} --help'"
        if param is None:
            return BadInput(error.message, remedy)
        is_option = param.param_type_name == "option"
        name = max(param.opts, key=len) if is_option else help_page.argument_name(param)
        if name == "--output" and not error.message:
            return no_output(ctx.command_path, self._arguments(ctx, words))
        if not error.message:
            # What a line has room for: "What to write: a video, ..." is said by the help.
            text = re.split(r"[.:;](?: |$)", param.help or "")[0]
            # A word such as URLs keeps its capitals.
            text = text if text[1:2].isupper() else text[:1].lower() + text[1:]
            about = f" ({text})" if text else ""
            return BadInput(f"{name.rstrip('.')}: is missing{about}", remedy)
        given = next((found for opt in param.opts if (found := value_of(words, opt))), "")
        shown = f"{name} {given}".rstrip()
        choices = [*map(str, param.type_descriptor.choices or ())]
        if choices:
            likely = meant(given, choices)
            return BadInput(f"{shown}: must be one of {', '.join(choices)}", likely or remedy)
        info = param.type_descriptor.parameter_info
        limits = [getattr(info, name, None) for name in ("min", "max")]
        if None not in limits and re.fullmatch(r"-?\d+", given):
            return BadInput(f"{shown}: must be from {limits[0]} to {limits[1]}", remedy)
        kind = _KINDS.get(param.type_descriptor.annotation)
        return BadInput(f"{shown}: must be {kind}" if kind else f"{name}: {error.message}", remedy)

    def _surplus(self, ctx: Any, args: Sequence[str], extra: Sequence[str]) -> BadInput:
        """Return what is wrong with more arguments than the command takes."""
        arguments = [each for each in self.params if each.param_type_name == "argument"]
        names = " ".join(map(help_page.argument_name, arguments)) or "no argument"
        see = f"see '{ctx.command_path} --help'"
        if len(arguments) != 1:
            return BadInput(f"{extra[0]}: is one too many; the command takes {names}", see)
        given = [str(ctx.params[arguments[0].name]), *extra]
        output = str(ctx.params.get("output") or "")
        return surplus(ctx.command_path, args, given, names, output)


def plainest(name: str) -> str:
    """Return an option's name without hyphens, in one spelling of English."""
    return re.sub("[-_]", "", name).lower().replace("color", "colour").replace("gray", "grey")


def unknown(word: str, options: Iterable[str], page: str) -> BadInput:
    """Return the error for an unknown option.

    Args:
        word: the option as it was typed, perhaps with a value.
        options: all that there are.
        page: the command that prints those.
    """
    name = word.partition("=")[0]
    return BadInput(
        f"{name}: unknown option", meant(name, options) or f"'{page}' lists the options"
    )


def next_value(left: Iterator[str], name: str, own: Iterable[str], command: str) -> str:
    """Return the next word, the value of an option; raises BadInput when there is none."""
    value = next(left, None)
    if value is None or value.partition("=")[0] in own:
        raise BadInput(f"{name}: needs a value", f"see '{command} --help'")
    return value


def value_of(args: Sequence[str], name: str) -> str:
    """Return the last value of an option, or ""."""
    found = ""
    for n, word in enumerate(args):
        if word == "--":
            break
        if word.startswith(f"{name}="):
            found = word.partition("=")[2]
        elif word == name:
            found = next(iter(args[n + 1 :]), "")
    return found


def _is_short(word: str, takes: dict[str, bool]) -> bool:
    """Return whether a word is a short option with its value, or several short options."""
    return word[1] != "-" and word[:2] in takes and f"-{word}" not in takes


def _refuse_twice(words: Sequence[str]) -> None:
    """Refuse a second scorer or output, which would silently replace the first."""
    for names in ({"--scorer"}, {"--output", "-o"}):
        given = [word.partition("=")[0] for word in words if word.partition("=")[0] in names]
        if len(given) > 1:
            raise BadInput(f"{given[-1]}: is given twice", "leave one out")
