"""What a program sees of Impasto: its names, and documentation whose code runs."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image

import impasto
from support import inprocess

PAGE = Path(__file__).parent.parent / "docs" / "python.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_public_names_can_be_discovered() -> None:
    code = "import sys, impasto; print(*dir(impasto)); assert 'pydantic' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = done.stdout.split()
    assert {*impasto.__all__, "__version__"} <= {*names}
    assert not [name for name in names if re.match("_[a-z]", name)]
    assert impasto.__version__ == version("impasto")
    assert (Path(impasto.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_code_in_the_documentation_runs(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inprocess.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path / "home"))
    (tmp_path / "photos").mkdir()
    for n in range(3):
        Image.new("RGB", (64, 48), (80 * n, 40, 90)).save(tmp_path / "photos" / f"{n}.png")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "painting.jpg")
    exec(compile(BLOCKS[number], f"{PAGE}:{number}", "exec"), {"__name__": "__main__"})
