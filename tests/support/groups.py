"""The tests that run in one process, and their order, when pytest-xdist has several.

What a file's tests share is made once if one process runs them all; so is the Ray cluster, which
the tests of several files share.
"""

from __future__ import annotations

from pathlib import PurePath

from xdist.scheduler import LoadScopeScheduling

CLUSTER = "cluster"
ON_CLUSTER = {
    "test_engine",
    "test_ray_engine",
    "test_ray_jobs",
    "test_ray_traces",
    "test_ray_trouble",
}
"""Files that need the session's cluster, except for tests with another engine."""
LONGEST = (
    CLUSTER,
    "test_watch_kills",
    "test_watch_stores",
    "test_watch_flood",
    "test_crash",
    "test_cloud_jobs",
    "test_engine",
    "test_poison",
)
"""Groups that take longest, which start first, so that none is left for the end."""


def group_of(test: str) -> str:
    """Return the group of a test, given its node id."""
    file = PurePath(test.partition("::")[0]).stem
    other = test.endswith(("[local]", "[inline]"))
    return CLUSTER if file in ON_CLUSTER and not other else file


def rank(test: str) -> int:
    """Return a number by which tests are sorted, the first to run first."""
    group = group_of(test)
    return LONGEST.index(group) if group in LONGEST else len(LONGEST)


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """Assigns whole groups to processes."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
