"""A voice: vowels of three formants each, which a detector of speech takes for speech."""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RATE = 16000
VOWELS = [(730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410), (530, 1840, 2480)]
"""The formants, Hz, of father, see, saw and bet, spoken by men (Peterson and Barney, 1952)."""
WIDTHS = (60, 90, 120)


def write_voice(path: Path) -> None:
    """Write a WAV file of 16 kHz: a second of silence, 3.5 of a voice, a second of silence."""
    silence = np.zeros(RATE)
    noise = np.random.default_rng(0)
    spoken = [_vowel(VOWELS[n % 4], 140 - 10 * (n % 5), noise) for n in range(16)]
    sound = np.concatenate([silence, *spoken, silence])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).astype("<i2").tobytes())


def _vowel(
    formants: tuple[int, ...], pitch: float, noise: np.random.Generator
) -> NDArray[np.float64]:
    """Return 0.18 seconds of a vowel whose pitch falls, and 0.04 of silence."""
    count = int(0.18 * RATE)
    steps = np.linspace(pitch, pitch - 20, count) / RATE
    made: NDArray[Any] = np.diff(np.floor(np.cumsum(steps)), prepend=0) - steps.mean()
    made += noise.normal(0, 0.003, count)
    for formant, width in zip(formants, WIDTHS, strict=True):
        radius = np.exp(-np.pi * width / RATE)
        last, before = 0.0, 0.0
        for n in range(count):
            turned = 2 * radius * np.cos(2 * np.pi * formant / RATE)
            last, before = made[n] + turned * last - radius**2 * before, last
            made[n] = last
    loud = 0.4 * made / np.abs(made).max() * np.sqrt(np.hanning(count))
    return np.concatenate([loud, np.zeros(int(0.04 * RATE))])
