"""What a model was trained for, as the metadata of its file say: those that ultralytics writes.

``task`` is detect, segment, pose or classify; ``names`` the classes, ``{0: 'person', ...}``;
``kpt_shape`` the keypoints of an object and the numbers of each, ``[17, 3]``.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Mapping

Task: TypeAlias = Literal["detect", "segment", "pose", "classify"]
TASKS: tuple[Task, ...] = get_args(Task)
KEYPOINTS = (17, 3)
"""Those of COCO's people, where a pose model does not say which it finds."""
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Trained:
    """A model's purpose.

    Attributes:
        task: what it does.
        names: the names of its classes, by index; empty is not known.
        keypoints: how many keypoints an object has, and 2 or 3 numbers for each; (0, 0) is none.
    """

    task: Task
    names: tuple[str, ...] = ()
    keypoints: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, metadata: Mapping[str, str], task: str = "auto") -> Self | None:
        """Read a file's metadata; returns None for a model of another purpose.

        Args:
            metadata: texts by name.
            task: what the user says that it does: one of `TASKS`, ``none``, or ``auto``.
        """
        wanted = metadata.get("task") if task == "auto" else task
        for known in TASKS:
            if known == wanted:
                keypoints = _keypoints(metadata) if known == "pose" else (0, 0)
                return cls(known, _names(metadata), keypoints)
        return None

    def label(self, kind: int) -> str:
        """Return the name of a class, by its index."""
        return self.names[kind] if 0 <= kind < len(self.names) else str(kind)

    def note(self) -> str:
        """Say what it does, and which classes it knows."""
        if not self.names:
            return self.task
        more = len(self.names) - SHOWN
        shown = ", ".join(self.names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
        return f"{self.task}: {shown}"


def _names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    found = _literal(metadata.get("names", ""))
    if isinstance(found, list | tuple):
        return tuple(map(str, found))
    if isinstance(found, dict):
        # Whoever writes them as JSON has texts for keys.
        texts = {str(kind): str(name) for kind, name in found.items()}
        if texts.keys() == {*map(str, range(len(found)))}:
            return tuple(texts[str(kind)] for kind in range(len(found)))
    return ()


def _keypoints(metadata: Mapping[str, str]) -> tuple[int, int]:
    match _literal(metadata.get("kpt_shape", "")):
        case [int(count), 2 | 3 as numbers] if count > 0:
            return count, numbers
    return KEYPOINTS


def _literal(text: str) -> Any:
    """Return the value that Python's literal stands for; None if it is none."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
