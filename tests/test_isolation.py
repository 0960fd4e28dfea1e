"""That no test sees anything of the user who runs the tests."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path
from urllib.request import getproxies

import platformdirs

from impasto.engines.ray.environment import ray_token
from impasto.settings import Settings, load
from support.command import impasto
from support.isolation import FOLDERS, hidden

PLANTED = "planted"


def test_tests_see_no_home_no_settings_and_no_tokens() -> None:
    # Other tests may have set some.
    assert PLANTED not in {os.environ[name] for name in hidden()}
    assert getproxies() == {}
    assert Path.home() != Path(pwd.getpwuid(os.getuid()).pw_dir)
    root = Path.home().parent
    assert all(Path(os.environ[name]).parent == root for name in FOLDERS)
    assert Path(platformdirs.user_cache_dir()).parent == root
    assert load() == Settings()
    assert Path(load().home).is_relative_to(root)
    token = ray_token()
    assert token
    assert token.is_relative_to(root)
    assert not token.exists() or token.read_text() != PLANTED
    done = impasto("jobs")
    assert done.returncode == 0, done.stderr


def test_whatever_the_user_has_the_tests_do_not_see_it(tmp_path: Path) -> None:
    for name in (".ray/auth_token", ".config/impasto/impasto.toml", ".netrc", ".aws/credentials"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(PLANTED)
    words = {"IMPASTO_ENGINE", "RAY_AUTH_TOKEN", "AWS_PROFILE", "https_proxy", "BOTO_CONFIG"}
    words |= {"GCE_METADATA_HOST", "PYTHONBREAKPOINT", "XDG_SESSION_ID"}
    homes = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")}
    one = f"{__file__}::{test_tests_see_no_home_no_settings_and_no_tokens.__name__}"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", one],
        env=os.environ | dict.fromkeys(words, PLANTED) | homes,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
