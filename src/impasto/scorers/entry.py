"""An entry in the table of scorers, or one that another package offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.schema.base import Frozen, parse
from impasto.schema.job import Items
from impasto.scorers.params import Role
from impasto.scorers.roles import ParamFile, Roles, is_array, roles_of

if TYPE_CHECKING:
    from impasto.scorers.base import Scorer


@dataclass(frozen=True, slots=True)
class Entry:
    """A scorer's location, what it takes and what it returns.

    Attributes:
        target: ``module:Class`` of the scorer.
        params: the model of its parameters, whose types say which of them name files.
        about: what it is, for people, in one line.
        takes: what items it can score; the first is meant where the source could be several.
        gives: what it returns.
        weights: sha256 of the weights that it loads by default, or "".
        batched: whether a mini-batch's size may change the output.
        eight_bits: whether it takes pictures with 8 bits per sample, whatever the source has.
        losses: whether it reports the losses of each picture, to be plotted.
        sequential: whether it builds each frame of a video on the one before.
        warm: whether a process that has loaded it may go on to another job with the same parameters
            and files; if it is False or `sequential` is True, each job's workers are its own.
        extra: the extra of its package that installs what it imports, or "".
        distribution: name and version of the package that offers it, filled in when it is looked
            up; "" is Impasto itself.
    """

    target: str
    params: type[Frozen]
    about: str
    takes: tuple[Items, ...] = ("pictures",)
    gives: tuple[str, ...] = ("pictures",)
    weights: str = ""
    batched: bool = False
    eight_bits: bool = False
    losses: bool = False
    sequential: bool = False
    warm: bool = True
    extra: str = ""
    distribution: str = ""

    @property
    def roles(self) -> Roles:
        """What its parameters are for."""
        return roles_of(self.params)

    def files(self, params: Mapping[str, Any], *roles: Role) -> list[ParamFile]:
        """List the files that a job's parameters name, in the parameters' order.

        Args:
            params: the parameters; those that are not given name no file.
            roles: the roles that are wanted; none is all.
        """
        found: list[ParamFile] = []
        for name, role in self.roles.files.items():
            given = params.get(name)
            if role is Role.ARRAYS and isinstance(given, Mapping):
                each = [
                    (f"{name}.{key}", Role.FILE, it) for key, it in given.items() if is_array(it)
                ]
            elif role is Role.NAMED_PICTURES and isinstance(given, Mapping):
                urls = [(key, url) for key, url in given.items() if isinstance(url, str)]
                each = [(f"{name}.{key}", Role.PICTURE, url) for key, url in urls]
            elif role is Role.PICTURES and isinstance(given, Mapping):
                each = [(f"{name}.{url}", Role.PICTURE, url) for url in given]
            else:
                each = [(name, role, given)] if isinstance(given, str) else []
            found += [ParamFile(*file) for file in each if not roles or file[1] in roles]
        return found

    def parse(self, params: Mapping[str, Any], scorer: str = "") -> Frozen:
        """Check a job's parameters; raises BadInput naming the first that is wrong.

        Args:
            params: the parameters.
            scorer: its name in the table, for the error.
        """
        remedy = f"see `impasto scorers {scorer}`" if scorer else "see `impasto scorers`"
        return parse(self.params, params, remedy)

    def load(self) -> type[Scorer]:
        """Import the scorer's class.

        Raises:
            BadInput: what its extra installs is missing.
        """
        module, _, name = self.target.partition(":")
        try:
            scorer: type[Scorer] = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            if not self.extra:
                raise
            package = self.distribution.partition(" ")[0] or "impasto"
            raise BadInput(
                f"{error.name}: is not installed", f"run pip install '{package}[{self.extra}]'"
            ) from None
        return scorer
