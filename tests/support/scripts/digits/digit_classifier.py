"""What the script imports, which imports a package in turn."""

from pathlib import Path

from digit_tools.read import pixels  # type: ignore[import-not-found]


class DigitClassifier:
    def __init__(self, weights: str) -> None:
        self.weights = [int(word) for word in Path(weights).read_text().split()]

    def predict(self, path: str) -> tuple[int, float]:
        total = sum(pixels(path)) + sum(self.weights)
        return total % 10, 1 / (1 + total % 3)
