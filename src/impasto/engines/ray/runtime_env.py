"""The user's programs on a cluster: sent in Ray's runtime environment, named by digest.

The driver reads scripts, what they import and requirements from the control store, or from its own
machine, and checks their digests. Ray copies them to each machine once. A worker finds a script
there by its digest, and checks that again.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.errors import BadInput
from impasto.scorers import registry
from impasto.scorers.params import Role
from impasto.scorers.user import beside

if TYPE_CHECKING:
    from impasto.schema.job import JobSpec
    from impasto.storage.stores import Stores

PACKAGE = "impasto_job_code"
"""Name of the folder that Ray copies to the machines."""


def runtime_env(
    spec: JobSpec, stores: Stores, home: str, folder: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Describe what the workers of a job need besides Impasto.

    Args:
        spec: the job.
        stores: where its scripts are.
        home: URL of the jobs' home.
        folder: where to put files for Ray to copy.

    Returns:
        The runtime environment of the whole connection, and that of the workers alone.

    Raises:
        BadInput: a script is missing, is where outsiders may write, or has changed.
        Unavailable: the store does not answer.
    """
    whole: dict[str, Any] = {}
    own: dict[str, Any] = {}
    package = Path(folder, PACKAGE)
    for file in registry.find(spec.scorer).files(spec.params, Role.CODE):
        digest = spec.pins[file.name]
        package.mkdir(exist_ok=True)
        (package / digest).write_bytes(stores.read_trusted(file.url, home, digest))
    roles = registry.find(spec.scorer).roles
    if (pin := spec.pins.get(roles.code_folder)) is not None:
        script, code = spec.params[roles.argument], spec.params.get(roles.code_folder)
        if code:
            stores.check_trusted(code, home)
        program = stores.read_trusted(script, home, spec.pins[roles.argument])
        beside.unchanged(stores, script, code, program, pin).write(package / pin)
    if package.exists():
        (package / "__init__.py").write_text("")
        whole["py_modules"] = [str(package)]
    if spec.requirements:
        content = stores.read_trusted(spec.requirements, home, spec.pins["requirements"])
        own["pip"] = {"packages": lines(content, spec.requirements)}
    return whole, own


def delivered() -> str:
    """Return the folder on this machine with the job's scripts, "" when there are none."""
    found = find_spec(PACKAGE)
    return str(Path(found.origin).parent) if found and found.origin else ""


def lines(content: bytes, name: str) -> list[str]:
    """Return the lines of a requirements file, without comments.

    Args:
        content: the file.
        name: its URL, for errors.

    Raises:
        BadInput: it is not text, refers to other files, or is empty.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise BadInput(f"{name}: is not text", "give a pip requirements file") from None
    text = text.replace("\\\n", " ")
    found = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()]
    found = [line for line in found if line]
    if any(re.match(r"(-[rce]|--(requirement|constraint|editable))\b", it) for it in found):
        raise BadInput(
            f"{name}: refers to other files, which the cluster does not receive",
            "copy their lines into it",
        )
    if not found:
        raise BadInput(f"{name}: names no package", "leave `requirements` out")
    return found
