"""All checks, run one after the other and told in words."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from checks import bicep, image, kubernetes, launcher, prometheus, readme
from checks.finding import Finding


class Validator(Protocol):
    """What a module of checks has."""

    @property
    def NAME(self) -> str:  # noqa: N802 (a module's constant)
        """What it checks, in a few words."""

    @property
    def CANNOT(self) -> tuple[str, ...]:  # noqa: N802 (a module's constant)
        """What it cannot check, a sentence each."""

    def check(self, deploy: Path) -> list[Finding]:
        """Return what is wrong in the folder `deploy`; an empty list if nothing is."""


MODULES: tuple[Validator, ...] = (image, kubernetes, bicep, launcher, prometheus, readme)
"""The modules of this package that check something, in the order they run."""


def main(deploy: Path, modules: tuple[Validator, ...] = MODULES) -> int:
    """Run the checks and print what passed, what was found, and what none of them can see.

    Args:
        deploy: The folder to check.
        modules: The checks to run.

    Returns:
        The exit code: 1 if anything was found, else 0.
    """
    wrong = 0
    for module in modules:
        findings = module.check(deploy)
        wrong += len(findings)
        print(f"{'FAILED' if findings else 'passed'}  {module.NAME}")
        for found in findings:
            print(f"  {found.file}:{found.line}: {found.text}")
    print("\nNot checked:")
    for module in modules:
        for sentence in module.CANNOT:
            print(f"  {sentence}")
    return 1 if wrong else 0
