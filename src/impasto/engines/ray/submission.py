"""A running cluster, seen from anywhere: jobs submitted to it, and its state.

All of it is HTTP to the dashboard, by Ray's own client and with its token.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import requests
from ray.exceptions import AuthenticationError
from ray.job_submission import JobSubmissionClient

from impasto.engines.ray.status import Facts, Submission, facts, submission
from impasto.errors import Unavailable
from impasto.secrecy import start_of
from impasto.settings import CONFIG_FILE, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT = (5.0, 60.0)
"""Seconds to reach the dashboard, and to wait for its answer."""
DIRECT = {"http": ""}
"""Unencrypted requests, which include the token, bypass proxies."""
AGENT = 20.0
"""Seconds within which a cluster that has just started accepts jobs."""
MANY = 10_000
"""The most rows of a list; Ray returns no more."""

_UNSET = {f"IMPASTO_{name.upper()}": "" for name in (*Settings.model_fields, "config")}
"""Clears settings in the head's environment, which are not meant for jobs submitted to it."""


class Cluster:
    """A running cluster; every method raises `Unavailable` when it does not answer or refuses."""

    def __init__(self, url: str) -> None:
        """Connect; `impasto.engines.ray.environment.configure_ray` must have been called before.

        Args:
            url: the dashboard's, http(s)://HOST:PORT.
        """
        self.url = url
        for handler in logging.getLogger("ray").handlers:
            handler.setLevel(logging.ERROR)
        # Ray's client would follow this variable, or RAY_ADDRESS, instead of its argument.
        os.environ["RAY_API_SERVER_ADDRESS"] = url
        with self._explained():
            try:
                self._client = _Client(url)
            except AuthenticationError:
                # Without a token Ray's client gives up before it checks whether anything listens.
                requests.head(url, timeout=TIMEOUT, proxies=DIRECT)
                raise

    def standing(self, job: str, home: str) -> Submission | None:
        """Return the submission of a job whose driver runs, or will; None when there is none."""
        found = [it for it in self.submissions() if it.job == job and it.home == home and it.open]
        return found[0] if found else None

    def submissions(self) -> list[Submission]:
        """List the Impasto jobs that were submitted to it, the newest first."""
        with self._explained():
            found = [(each.start_time or 0, each) for each in self._client.list_jobs()]
        ours = [submission(each) for _, each in sorted(found, key=lambda pair: -pair[0])]
        return [each for each in ours if each]

    def submit(self, job: str, settings: Settings) -> tuple[Submission, bool]:
        """Make the cluster run a job's driver, which reads the job's spec from its home.

        Args:
            job: the job's id.
            settings: how it is to run; they travel as a file that names no secret.

        Returns:
            The submission in effect, and whether this call made it.
        """
        earlier = [each.number for each in self.submissions() if each.job == job]
        made = Submission(job, max(earlier, default=0) + 1, "waiting", settings.home)
        with TemporaryDirectory() as folder, self._explained():
            write_settings(settings, Path(folder))
            words = ["impasto", "resume", job, "--as-submitted"]
            new = self._submit(
                entrypoint=shlex.join([*words, "--config", CONFIG_FILE, "--home", settings.home]),
                submission_id=made.id,
                runtime_env={"working_dir": folder, "env_vars": _UNSET},
                metadata={"home": settings.home},
            )
        return made, new

    def _submit(self, **what: Any) -> bool:
        """Submit a job; return whether no other call was a moment faster."""
        until = time.monotonic() + AGENT
        while True:
            try:
                self._client.submit_job(**what)
            except RuntimeError as error:
                if "already exists" in str(error):
                    return False
                if "No available agent" not in str(error):
                    raise
                if time.monotonic() > until:
                    raise Unavailable(
                        f"cluster {self.url}: takes no jobs, because Ray's agent is not running on "
                        "its head",
                        "see dashboard_agent.log in Ray's folder there",
                    ) from error
                time.sleep(AGENT / 20)
            else:
                return True

    def facts(self) -> Facts:
        """Return which machines and workers there are, and what is being waited for."""
        limit = f"detail=1&limit={MANY}"
        living = f"{limit}&filter_keys=state&filter_predicates=!%3D&filter_values=DEAD"
        with self._explained():
            return facts(
                version=self._client.get("version")["ray_version"],
                nodes=self._client.rows(f"nodes?{living}"),
                actors=self._client.rows(f"actors?{living}"),
                events=self._events(f"cluster_events?{limit}"),
                report=self._client.get("cluster_status?format=1")["data"]["clusterStatus"] or "",
            )

    def _events(self, what: str) -> list[dict[str, Any]]:
        """List events, which only help to say why something is waited for."""
        try:
            return self._client.rows(what)
        except requests.HTTPError:
            # Ray fails to sort them once a machine was lost (2.60).
            return []

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn errors of Ray's client into one line."""
        try:
            yield
        except AuthenticationError:
            raise Unavailable(
                f"cluster {self.url}: refuses the token, or this machine has none",
                "put the cluster's token into ~/.ray/auth_token, or its file's name into "
                "RAY_AUTH_TOKEN_PATH",
            ) from None
        except (requests.ConnectionError, requests.Timeout, ConnectionError):
            raise Unavailable(
                f"cluster {self.url}: does not answer",
                "check that it is running, or forward its dashboard's port to this machine and "
                "give that as `address`",
            ) from None
        except (requests.RequestException, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise Unavailable(
                f"cluster {self.url}: is not a Ray dashboard "
                f"({start_of(' '.join(str(error).split()), 160)})",
                "check the address",
            ) from error


class _Client(JobSubmissionClient):  # type: ignore[misc]
    """Ray's client, with timeouts; the original would wait for ever."""

    def get(self, what: str) -> Any:
        """Return the dashboard's answer."""
        answer = self._do_request("GET", f"/api/{what}")
        answer.raise_for_status()
        return answer.json()

    def rows(self, what: str) -> list[dict[str, Any]]:
        """Return one of the dashboard's lists."""
        rows: list[dict[str, Any]] = self.get(f"v0/{what}")["data"]["result"]["result"]
        return rows

    def _do_request(self, *what: Any, **how: Any) -> requests.Response:
        answer: requests.Response = super()._do_request(
            *what, timeout=TIMEOUT, proxies=DIRECT, **how
        )
        return answer


def write_settings(settings: Settings, folder: Path) -> None:
    """Write the config file of a driver on the cluster, and the certificates that it trusts.

    Args:
        settings: the settings of this machine.
        folder: the folder that becomes the driver's working folder.
    """
    fields = settings.model_dump(mode="json", exclude_none=True, exclude={"workers", "stores"})
    fields |= {"engine": "ray", "address": "auto", "workers": str(settings.workers)}
    lines = _toml(fields)
    for number, (name, profile) in enumerate(settings.stores.items()):
        store = profile.model_dump(mode="json", exclude_none=True)
        if profile.ca:
            store["ca"] = f"ca{number}.pem"
            shutil.copyfile(profile.ca, folder / store["ca"])
        lines += [f"[stores.{_quoted(name)}]", *_toml(store)]
    (folder / CONFIG_FILE).write_text("\n".join(lines) + "\n")


def _toml(fields: dict[str, Any]) -> list[str]:
    return [f"{name} = {_quoted(value)}" for name, value in fields.items()]


def _quoted(value: object) -> str:
    """Write a value in the notation that TOML and JSON share."""
    return json.dumps(value, ensure_ascii=False)
