"""Small local files that a job names, copied to where workers on other machines find them.

They are kept in the control store by content, so that the same file is copied once:

    staged/<sha256>/<name>                a picture, a script, weights, requirements
    staged/<sha256>/<name>/<path>         a folder
    staged/<sha256>/code/<path>           what goes with a script
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from impasto.errors import Exists, Missing
from impasto.schema.url import normal, parse
from impasto.scorers import registry
from impasto.scorers.params import Role
from impasto.scorers.roles import FILES, moved
from impasto.scorers.user import beside
from impasto.storage.local import mapped, read_file, tree
from impasto.storage.parallel import in_order
from impasto.storage.upload import PARTS

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.schema.job import JobSpec
    from impasto.scorers.user.beside import Beside
    from impasto.storage.store import Store
    from impasto.storage.stores import Stores

FOLDER = "staged"


def stage(spec: JobSpec, stores: Stores, home: str) -> JobSpec:
    """Copy the local files that a spec names, except its source, into the control store.

    Args:
        spec: as `impasto.driver.pinning.absolute` returns it.
        stores: opens the home.
        home: URL of the jobs' home.

    Returns:
        The spec with the copies' URLs; the same one where the home is a folder of this machine.

    Raises:
        BadInput: a file is missing.
        Unavailable: the store does not answer.
    """
    if parse(home).local:
        return spec
    put = partial(_copied, stores.open_home(home))
    entry = registry.find(spec.scorer)
    files = entry.files(spec.params, *(FILES - {Role.CODE_FOLDER}))
    params = moved(spec.params, {file.name: put(file.url) for file in files})
    if (name := entry.roles.code_folder) in spec.pins:
        script, code = spec.params[entry.roles.argument], spec.params.get(name)
        if parse(code or script).local:
            found = beside.unchanged(stores, script, code, stores.read(script), spec.pins[name])
            params[name] = _code(stores.open_home(home), found)
    requirements = put(spec.requirements) if spec.requirements else None
    mask = put(spec.mask) if spec.mask else None
    return spec.model_copy(update={"params": params, "requirements": requirements, "mask": mask})


def staged(url: str, home: str) -> str:
    """Return the digest in a copy's URL, or "" for other URLs; the content is not read.

    Whatever loads the content checks it against the digest.
    """
    match = re.match(rf"{FOLDER}/([0-9a-f]{{64}})/[^/]+$", url.removeprefix(f"{normal(home)}/"))
    return match[1] if match else ""


def _copied(store: Store, url: str) -> str:
    """Copy a file or folder, unless it is copied already or is in a store; returns its URL."""
    place = parse(url)
    if not place.local:
        return url
    path = place.path
    if path.is_dir():
        return _folder(store, path)
    content = read_file(path)
    key = f"{FOLDER}/{hashlib.sha256(content).hexdigest()}/{path.name}"
    if store.stat(key) is None:
        store.create(key, content)
    return store.where(key)


def _code(store: Store, found: Beside) -> str:
    """Copy what goes with a script; returns its URL."""
    base = f"{FOLDER}/{found.digest}/code"
    there = {stat.key for stat in store.list_all(base)}
    for name, content in found.files.items():
        if f"{base}/{name}" not in there:
            store.create(f"{base}/{name}", content)
    return store.where(base)


def _folder(store: Store, path: Path) -> str:
    """Copy everything in a folder, which may be large; returns its URL."""
    names = [name.partition("/")[2] for name in sorted(tree(path))]
    if not names:
        raise Missing(f"{path}: no such file or folder", "check the path")
    digests = [(name, _digest(path / name)) for name in names]
    base = f"{FOLDER}/{hashlib.sha256(json.dumps(digests).encode()).hexdigest()}/{path.name}"
    there = {stat.key for stat in store.list_all(base)}
    missing = [name for name in names if f"{base}/{name}" not in there]

    def copy(name: str) -> None:
        with suppress(Exists):
            store.put_file(f"{base}/{name}", path / name, create=True)

    list(in_order(copy, missing, PARTS))
    return store.where(base)


def _digest(path: Path) -> str:
    with mapped(str(path)), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
