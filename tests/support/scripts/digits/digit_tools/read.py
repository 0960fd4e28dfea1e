from pathlib import Path


def pixels(path: str) -> list[int]:
    return list(Path(path).read_bytes())
