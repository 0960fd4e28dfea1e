from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

import impasto.server
from impasto.server.routes.page import TYPES, assets
from support.serving import Serving

STATIC = Path(impasto.server.__file__).parent / "static"
FILES = sorted(path for path in STATIC.rglob("*") if path.suffix.removeprefix(".") in TYPES)
OWN = [path for path in FILES if path.parent.name != "vendor"]
SCRIPTS = [path for path in OWN if path.suffix == ".js"]
LONGEST = 350


def _name(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


def test_the_page_needs_no_token_and_names_its_files_by_their_content(tmp_path: Path) -> None:
    client = Serving(tmp_path).client(None)
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    named = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert named
    for url in named:
        assert client.get(url).headers["cache-control"].endswith("immutable"), url


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_each_file_is_served_whole_and_with_its_type(path: Path, tmp_path: Path) -> None:
    client = Serving(tmp_path).client(None)
    if path.name == "index.html":
        return
    for coding in ("gzip", "identity"):
        url = f"/static/{assets()[0]}/{_name(path)}"
        answer = client.get(url, headers={"Accept-Encoding": coding})
        assert answer.content == path.read_bytes()
        assert answer.headers["content-type"] == TYPES[path.suffix[1:]]
        assert answer.headers["x-content-type-options"] == "nosniff"
    again = client.get(url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_text_is_sent_packed(tmp_path: Path) -> None:
    client = Serving(tmp_path).client(None)
    with client.stream("GET", "/", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert gzip.decompress(b"".join(answer.iter_raw())).startswith(b"<!doctype html>")


def test_a_file_of_another_release_is_not_kept(tmp_path: Path) -> None:
    answer = Serving(tmp_path).client(None).get("/static/000000000000/js/main.js")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    "name",
    ["", "js/", "../app.py", "%2e%2e/app.py", "js/../../app.py", "vendor/NOTICE", "index.html"],
)
def test_nothing_else_is_served(name: str, tmp_path: Path) -> None:
    client = Serving(tmp_path).client(None)
    assert client.get(f"/static/{assets()[0]}/{name}").status_code == 404


def test_the_page_obeys_a_strict_policy() -> None:
    page = (STATIC / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|https?://", page)
    assert not re.search(r"<script(?![^>]*\ssrc=)[^>]*>", page)


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_scripts_make_no_code_and_no_markup_of_text(path: Path) -> None:
    text = path.read_text()
    dangers = r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write"
    assert not re.search(dangers, text)
    assert not re.search(r'style="|(?<!xmlns=")https?://', text)
    assert len(text.splitlines()) <= LONGEST


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_every_import_is_a_file_that_has_the_name(path: Path) -> None:
    text = path.read_text()
    for names, file in re.findall(r'^import \{?([^}]*?)\}? from "([^"]+)";', text, re.MULTILINE):
        target = (path.parent / file).resolve()
        assert target in FILES, file
        said = target.read_text()
        for name in (each.split(" as ")[0].strip() for each in names.split(",")):
            if not name.startswith("*"):
                assert re.search(rf"export .*\b{name}\b|\bas {name}\b", said), (file, name)


def test_every_vendored_file_has_its_licence() -> None:
    notice = (STATIC / "vendor" / "NOTICE").read_text()
    licences = set(re.findall(r"LICENSE-[\w-]+", notice))
    for path in (STATIC / "vendor").iterdir():
        if path.name != "NOTICE":
            assert path.name in licences or f"\n{path.name} " in notice, path.name
    for licence in licences:
        assert (STATIC / "vendor" / licence).read_text().strip()


def _paths() -> set[str]:
    """Return the API's paths that the page names, with ``{}`` for what it puts in."""
    found = set()
    for path in SCRIPTS:
        for url in re.findall(r"`(/v1/[^`]*)`", path.read_text()):
            found.add(re.sub(r"\$\{(?:[^{}]|\{[^}]*\})*\}", "{}", url).partition("?")[0])
    return found


def test_urls_of_the_api_are_in_one_place() -> None:
    users = [path.name for path in SCRIPTS if "/v1/" in path.read_text()]
    assert users == ["paths.js"]
    assert len(_paths()) > 30


def test_every_url_that_the_page_uses_is_one_of_the_api(tmp_path: Path) -> None:
    documented = Serving(tmp_path).app.openapi()["paths"]
    patterns = [re.sub(r"\{[^}]*\}", "[^/]+", path) for path in documented]
    named = {path.replace("{}", "x") for path in _paths()}
    assert {url for url in named if not any(re.fullmatch(it, url) for it in patterns)} == set()
