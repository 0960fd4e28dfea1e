"""Scoring scripts with ``init()`` and ``run(mini_batch)``, as for Azure Machine Learning.

The contract is that of its parallel jobs and batch endpoints ("Author scoring scripts for batch
deployments"):

    def init(): ...                  # optional; once a worker
    def run(mini_batch): ...         # a list of local paths, or a pandas DataFrame
    def shutdown(): ...              # optional; before the worker ends

``run`` may take a second argument, the mini-batch's context. It returns a list, a DataFrame or any
other iterable with one element per item, or yields one after the other. Unlike there, elements stay
in the input's order, and an item that the script cannot score is found and set aside, alone.
"""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.schema.url import parse
from impasto.scorers import results
from impasto.scorers.base import Scorer, Scores
from impasto.scorers.user import azureml, loading
from impasto.scorers.user.loading import ScriptError
from impasto.secrecy import redact

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from impasto.scorers.base import Inputs, Record
    from impasto.scorers.user.params import ScriptParams

_EXPECTED = "it must return a list, a DataFrame or another iterable with one element per item"
_CONTEXT = "mini_batch_context"
_BEYOND_THE_ITEM = {"MemoryError", "OutOfMemoryError", "AcceleratorError"}
"""Names of errors, torch's too, that another try in the same process cannot mend."""
_NO_SEQUENCE = (str, bytes, bytearray, Mapping, set, frozenset)
"""What can be iterated over, but not item by item in the order of the mini-batch."""


class ScriptScorer(Scorer):
    """Run the user's script."""

    batch = 10
    serial = True

    def __init__(
        self, params: ScriptParams, prepared: dict[str, Any], inputs: Inputs, device: str
    ) -> None:
        """Load the script and call its ``init()``.

        Raises:
            BadInput: it is not Python, has no ``run``, or fails.
            Unavailable: a store does not answer.
        """
        content = inputs.trusted(params.script)
        self._url = params.script
        self._retries = params.retries
        self._inputs = inputs
        self._surround(params)
        self._module = loading.load(params.script, content, inputs.beside())
        self._run = _entry(self._module, params.script)
        init = getattr(self._module, "init", None)
        if init is not None:
            with loading.blamed(params.script, "init()"):
                init()

    def score(self, batch: list[str] | pd.DataFrame) -> Scores:
        """Call ``run``; a single item that fails is tried again at once.

        Where ``run`` yields its results and fails in between, how many there are says which item
        it failed at. That one fails again alone, or the script has yielded nothing for another.

        Args:
            batch: N local paths, or N rows.

        Returns:
            The records of each item, and what some of several failed with.

        Raises:
            ScriptError: what ``run`` returned does not fit the items.
            Exception: the script's own.
        """
        if len(batch) == 1:
            return Scores(records=self._alone(batch))
        made: list[list[Record]] = []
        failed: dict[int, Exception] = {}
        while len(made) < len(batch):
            try:
                made += self._attempt(batch[len(made) :], azureml.MiniBatchContext())
            except _Stopped as stopped:
                at = len(made) + len(stopped.made)
                try:
                    self._alone(batch[at : at + 1])
                except Exception as error:
                    if type(error).__name__ in _BEYOND_THE_ITEM:
                        raise
                    failed[at] = error
                else:
                    raise stopped.error from None
                made += [*stopped.made, []]
                self._inputs.alive()
        return Scores(records=made, failed=failed)

    def close(self) -> None:
        """Call the script's ``shutdown()``, if it has one."""
        shutdown = getattr(self._module, "shutdown", None)
        if shutdown is not None:
            with loading.contained():
                shutdown()

    def _surround(self, params: ScriptParams) -> None:
        """Set up the environment that the script expects."""
        try:
            sys.argv = [params.script, *shlex.split(params.args)]
        except ValueError as error:
            raise BadInput(f"`args={params.args}`: {error}", "quote it as for a shell") from None
        model = None
        if params.model:
            model = self._inputs.folder(params.model)
            links = self._inputs.files.with_name("model")
            model = model.parent if model.is_file() else azureml.model_folder(model, links)
        azureml.announce(self._inputs.files, model)
        place = parse(params.script)
        folder = place.path.parent if place.local else Path.cwd()
        azureml.install(azureml.EntryScript(self._inputs.files, folder))

    def _alone(self, batch: list[str] | pd.DataFrame) -> list[list[Record]]:
        """Return the records of a single item, tried again if it fails."""
        context = azureml.MiniBatchContext()

        def attempt() -> list[list[Record]]:
            try:
                return self._attempt(batch, context)
            except _Stopped as stopped:
                raise stopped.error from stopped.error.__cause__

        for _ in range(self._retries):
            try:
                return attempt()
            except Exception as error:
                if type(error).__name__ in _BEYOND_THE_ITEM:
                    raise
                said = redact(f"{self._url}: {loading.brief(error)}; trying again")
                print(said, file=sys.stderr)
                self._inputs.alive()
        return attempt()

    def _attempt(
        self, batch: list[str] | pd.DataFrame, context: azureml.MiniBatchContext
    ) -> list[list[Record]]:
        """Return the records of each item; raises `_Stopped` where some are known."""
        # A script may change what it is given, and each try starts afresh.
        given = list(batch) if isinstance(batch, list) else batch.reset_index(drop=True)
        with loading.contained():
            result = self._run(given, context)
        if isinstance(result, Iterator):
            return _fit(_yielded(result, len(batch)), len(batch))
        return _fit(_elements(result), len(batch))


class _Stopped(Exception):
    """A script that yields its results failed after some of them.

    Attributes:
        made: the records of the items before the one that it failed at.
        error: what it failed with.
    """

    def __init__(self, made: list[list[Record]], error: Exception) -> None:
        super().__init__()
        self.made, self.error = made, error


def _entry(module: object, url: str) -> Callable[[object, object], object]:
    """Return the script's ``run`` as a function of a mini-batch and its context.

    A second argument is the context if it is required or has that name; any other argument with a
    default is the script's own.
    """
    run: Callable[..., object] | None = getattr(module, "run", None)
    if not callable(run):
        raise BadInput(f"{url}: has no function run(mini_batch)", "add it")
    try:
        parameters = inspect.signature(run).parameters
    except ValueError:
        return lambda batch, _: run(batch)
    known = list(parameters.values())
    if (named := parameters.get(_CONTEXT)) and named.kind is named.KEYWORD_ONLY:
        return lambda batch, context: run(batch, **{_CONTEXT: context})
    places = [p for p in known if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    needed = [p for p in places if p.default is p.empty]
    several = any(p.kind is p.VAR_POSITIONAL for p in known)
    if len(needed) > 2 or not (places or several):
        raise BadInput(
            f"{url}: run{inspect.signature(run)} must take (mini_batch) or (mini_batch, "
            f"{_CONTEXT})",
            "correct it",
        )
    if len(needed) == 2 or (len(places) > 1 and "context" in places[1].name):
        return run
    return lambda batch, _: run(batch)


def _elements(result: object) -> list[list[Record]]:
    """Return the records of every element that ``run`` returned."""
    found = results.elements(result)
    if (
        found is None
        and isinstance(result, Iterable)
        and not isinstance(result, _NO_SEQUENCE)
        and not hasattr(result, "__array__")
    ):
        found = list(result)
    if found is None:
        what = "None" if result is None else f"a {type(result).__name__}"
        raise ScriptError(f"run() returned {what}; {_EXPECTED}")
    return [results.of_element(element) for element in found]


def _yielded(elements: Iterator[object], count: int) -> list[list[Record]]:
    """Return the records of elements as they come, at most one more than there are items."""
    made: list[list[Record]] = []
    try:
        while len(made) <= count or count == 1:
            with loading.contained():
                try:
                    element = next(elements)
                except StopIteration:
                    break
            made.append(results.of_element(element))
    except Exception as error:
        if type(error).__name__ in _BEYOND_THE_ITEM:
            raise
        raise _Stopped(made, error) from error
    return made


def _fit(elements: list[list[Record]], count: int) -> list[list[Record]]:
    """Assign elements to items; a single item may have several."""
    if len(elements) == count:
        return elements
    if count > 1:
        raise ScriptError(f"run() returned {len(elements)} results for {count} items; {_EXPECTED}")
    if not elements:
        raise ScriptError(f"run() returned nothing for it; {_EXPECTED}")
    return [[record for element in elements for record in element]]
