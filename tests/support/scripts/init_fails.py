"""Cannot load its model."""

from pathlib import Path


def init() -> None:
    load_model("no-such-model.bin")


def load_model(name: str) -> None:
    raise FileNotFoundError(f"{Path(name)}: no such model")


def run(mini_batch: list[str]) -> list[str]:
    return mini_batch
