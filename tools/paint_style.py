"""Paint the style picture that Impasto ships: an evening valley in thick, directional oil.

The picture is computed, not copied: swirling flow fields steer many thousands of brush strokes,
laid plane by plane from the sky to the poppies and, within a plane, from the broad brush to the
fine one.  Every stroke carries streaks of two half-mixed pigments and leaves bristle furrows in a
height map, which a raking light turns into relief.  It is our own work, under the project's MIT
licence.

    python tools/paint_style.py                 # rewrites the shipped picture
    python tools/paint_style.py /tmp/other.png  # or draws it elsewhere

The seed is fixed: on one machine, the same versions of NumPy and Pillow give the same bytes.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array: TypeAlias = NDArray[np.floating[Any]]

SHIPPED = Path(__file__).parents[1] / "src/impasto/scorers/data/painting.jpg"
SIDE = 1024  # of the finished picture, in pixels
EASEL = 2 * SIDE  # strokes are laid at twice that size and reduced at the end
GRID = 512  # resolution of the fields that plan the picture
SEED = 1890

PIGMENTS = {
    "night": "#171c3e", "ultramarine": "#26378a", "cobalt": "#3a62b4", "cerulean": "#4b93c0",
    "turquoise": "#4cb3ac", "celadon": "#b3d8bd", "white": "#f5ecd6", "lemon": "#f6df74",
    "cadmium": "#f2b832", "orange": "#e8843a", "vermilion": "#d2452e", "crimson": "#86233c",
    "pink": "#eaa5ae", "violet": "#68579a", "ochre": "#c2913f", "umber": "#4d3426",
    "viridian": "#2b7059", "leaf": "#83993f", "pine": "#163330",
}  # fmt: skip

LIGHTS = [  # x, y, radius of the glow: the low sun, then the first stars
    (0.690, 0.345, 0.140), (0.080, 0.115, 0.046), (0.445, 0.070, 0.026), (0.925, 0.085, 0.038),
    (0.275, 0.205, 0.022),
]  # fmt: skip
VORTICES = [  # x, y, spread, strength of the whorls in the sky
    (0.400, 0.250, 0.090, 0.33), (0.640, 0.120, 0.070, -0.22), (0.290, 0.470, 0.060, -0.14),
    (0.890, 0.250, 0.075, 0.20), (0.060, 0.320, 0.070, 0.17),
]  # fmt: skip


@dataclass(frozen=True)
class Plane:
    """One plane of the picture: where it lies, which way the brush runs and what it carries."""

    presence: Array  # how likely a stroke starts at a place; none runs on where it is 0
    angle: Array  # direction of the brush, radians
    tone: Array  # place on the ramp of pigments, 0 to 1
    ramp: tuple[str, ...]
    accents: tuple[str, ...] = ()
    brushes: tuple[float, ...] = (52.0, 32.0, 20.0)  # widths, broadest first
    reach: float = 5.5  # length of a stroke, in widths


def pigment(*names: str) -> Array:
    """Return the named pigments as rows of RGB in 0 to 1."""
    rgb = [list(bytes.fromhex(PIGMENTS[name][1:])) for name in names]
    return np.asarray(rgb, np.float32) / 255


def noise(rng: np.random.Generator, cells: int, octaves: int = 3) -> Array:
    """Return smooth fractal noise over the planning grid, about -1 to 1."""
    total = np.zeros((GRID, GRID), np.float32)
    for octave in range(octaves):
        side = cells * 2**octave + 3
        coarse = Image.fromarray(rng.uniform(-1, 1, (side, side)).astype(np.float32))
        fine = coarse.resize((GRID, GRID), Image.Resampling.BICUBIC, (1, 1, side - 1, side - 1))
        total += np.asarray(fine) / 2**octave
    return total


def heavens(rng: np.random.Generator, y: Array, x: Array) -> list[Plane]:
    """Plan the sky: the streams of evening air, the warmth at their foot, the sun and stars."""
    # The sky follows the contours of a stream function, and so do its bands of colour.
    stream = y + 0.35 * x * (1 - x) + 0.035 * noise(rng, 3)
    cores = np.zeros_like(y)
    for cx, cy, spread, strength in VORTICES:
        hump = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * spread**2))
        stream += strength * hump
        cores += hump**6
    down, across = np.gradient(stream)
    bands = 0.5 + 0.5 * np.sin(2 * np.pi * 9 * stream + 0.9 * noise(rng, 5))
    sky_tone = 0.12 + 0.62 * bands**1.3 + 0.5 * cores + 0.25 * (y - 0.25) + 0.12 * noise(rng, 4)
    sky = Plane(
        np.ones_like(y), np.arctan2(-across, down), sky_tone,
        ("night", "ultramarine", "ultramarine", "cobalt", "cerulean", "turquoise", "celadon",
         "white"),
        ("pink", "white", "violet", "turquoise"),
    )  # fmt: skip

    # Towards the horizon the evening warms it, in ragged bands along the same streams.
    warmth = y - 0.44 + 0.05 * noise(rng, 4) + 0.07 * bands
    warmth += 0.10 * np.exp(-(((x - 0.7) / 0.25) ** 2))
    dusk = Plane(
        (7 * warmth).clip(0, 1), sky.angle,
        0.05 + 2.8 * warmth + 0.42 * (bands - 0.5) + 0.12 * noise(rng, 5),
        ("cobalt", "turquoise", "violet", "pink", "orange", "lemon", "white"),
        ("turquoise", "vermilion", "celadon"),
    )  # fmt: skip

    # Each light is a target of rings: a warm heart, a pale body, then a loose pale rim.
    reach = np.stack([np.hypot(x - cx, y - cy) / size for cx, cy, size in LIGHTS])
    nearest = reach.argmin(0)
    centre = np.asarray(LIGHTS, np.float32)[nearest]
    away = reach.min(0)
    glow = Plane(
        (1.6 * (1.30 - away + 0.12 * noise(rng, 14, 2))).clip(0, 1),
        np.arctan2(y - centre[..., 1], x - centre[..., 0]) + np.pi / 2 + 0.12,
        0.94 * away + 0.05 * np.sin(away * 30),
        ("vermilion", "orange", "cadmium", "lemon", "white", "lemon", "pink", "celadon"),
        ("white", "pink", "orange"), (34, 24, 16), 4.0,
    )  # fmt: skip

    return [sky, dusk, glow]


def land(rng: np.random.Generator, y: Array, x: Array) -> list[Plane]:
    """Plan the earth, from back to front: hills, meadow, wheat, cypresses and poppies."""
    planes = []
    for height, cells, swell, ramp, accents in (
        (0.615, 4, 0.050, ("ultramarine", "violet", "cobalt", "cerulean", "pink"), ("pink",)),
        (0.665, 3, 0.045, ("night", "ultramarine", "viridian", "turquoise"), ("violet", "ochre")),
    ):
        ridge = height + swell * noise(rng, cells, 2)[7] + 0.05 * (x[0] - 0.5) ** 2
        depth = y - ridge
        slope = np.arctan(np.gradient(ridge) * GRID)[None, :] + 0.35 * np.sin(depth * 55)
        tone = 0.78 - 5 * depth + 0.22 * noise(rng, 9)
        planes.append(Plane(np.sign(depth).clip(0), slope, tone, ramp, accents, (38, 26, 17), 4.5))

    # In the valley, strips of meadow, then rows of wheat that converge under the sun.
    edge = 0.735 + 0.02 * np.sin(7 * x + 0.6) + 0.012 * noise(rng, 5)
    strips = 0.5 + 0.5 * np.sin(95 * (y + 0.05 * x + 0.008 * noise(rng, 4)))
    meadow = Plane(
        (40 * (y - edge + 0.045)).clip(0, 1), 0.10 * noise(rng, 4) - 0.05, strips,
        ("viridian", "leaf", "celadon", "lemon", "ochre"), ("vermilion", "white", "pink"),
        (26, 18), 5,
    )  # fmt: skip
    ray = np.arctan2(x - 0.66 + 0.012 * noise(rng, 6), y - 0.60)
    rows = 0.5 + 0.5 * np.sin(26 * ray + 0.5 * noise(rng, 5))
    wheat = Plane(
        (50 * (y - edge)).clip(0, 1), np.pi / 2 - ray + 0.22 * noise(rng, 7),
        0.05 + 0.85 * rows + 0.2 * noise(rng, 6),
        ("ultramarine", "viridian", "umber", "ochre", "orange", "cadmium", "lemon"),
        ("vermilion", "turquoise", "white", "violet"), (52, 34, 22), 5,
    )  # fmt: skip

    planes += [meadow, wheat]

    for foot, top, bottom, girth in ((0.235, 0.42, 0.86, 0.036), (0.145, 0.13, 0.93, 0.062)):
        rise = np.clip((bottom - y) / (bottom - top), 0, 1)
        flame = girth * np.sin(np.pi * rise**0.62).clip(0) ** 0.8 * (1 + 0.28 * noise(rng, 14, 2))
        sway = x - foot - 0.018 * np.sin(9 * y + 40 * foot)
        lick = np.pi / 2 + 0.55 * sway / girth + 0.5 * noise(rng, 8)
        tone = 0.38 + 0.30 * sway / girth + 0.35 * noise(rng, 11)
        planes.append(Plane(
            (np.abs(sway) < flame).astype(np.float32), lick, tone,
            ("night", "pine", "viridian", "leaf", "ochre"), ("vermilion", "turquoise"),
            (34, 24, 16), 5,
        ))  # fmt: skip

    clumps = noise(rng, 9, 2) + 0.8 * noise(rng, 60, 1) > 0.75 - 0.2 * (y - edge)
    planes.append(Plane(
        (clumps & (y > edge + 0.03)).astype(np.float32), 0.9 * noise(rng, 40),
        0.5 + 0.6 * noise(rng, 50),
        ("crimson", "vermilion", "vermilion", "orange", "pink", "white"), (), (20,), 1.4,
    ))  # fmt: skip
    return planes


def mix(ramp: Array, tone: Array) -> Array:
    """Pick colours from a ramp of pigments at places from 0 to 1."""
    stops = np.linspace(0, 1, len(ramp))
    return np.stack([np.interp(tone, stops, channel) for channel in ramp.T], -1).astype(np.float32)


class Canvas:
    """Wet paint: a colour and a thickness for every point of the easel."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.colour = np.tile(pigment("umber"), (EASEL * EASEL, 1))
        self.height = np.zeros(EASEL * EASEL, np.float32)

    def cover(self, plane: Plane) -> None:
        """Paint a plane, from its broadest brush to its finest."""
        ramp = pigment(*plane.ramp)
        for rank, width in enumerate(plane.brushes):
            starts = self._starts(plane, width * (1.15 if rank == 0 else 1.35))
            length = plane.reach * width * (0.8 + 0.1 * rank)
            paths = trace(plane, starts, length, self.rng)
            cell = tuple(np.clip(starts[:, ::-1] * GRID / EASEL, 0, GRID - 1).astype(int).T)
            tone = plane.tone[cell] + self.rng.normal(0, 0.07, len(starts))
            light = mix(ramp, tone)
            dark = mix(ramp, tone - self.rng.normal(0.08, 0.13, len(starts)))
            if plane.accents and rank:
                struck = np.flatnonzero(self.rng.random(len(starts)) < 0.07)
                names = self.rng.integers(len(plane.accents), size=len(struck))
                light[struck] = pigment(*plane.accents)[names]
            for path, first, second in zip(paths, light, dark, strict=True):
                self._stroke(path, width * float(self.rng.uniform(0.75, 1.2)), first, second)

    def _starts(self, plane: Plane, pitch: float) -> Array:
        """Scatter the middles of strokes over a plane, evenly but not on a grid."""
        across = np.arange(-pitch, EASEL + pitch, pitch)
        spots = np.stack(np.meshgrid(across, across), -1).reshape(-1, 2)
        spots = spots + self.rng.uniform(-0.5, 0.5, spots.shape) * pitch
        column, row = np.clip(spots * GRID / EASEL, 0, GRID - 1).astype(int).T
        spots = spots[self.rng.random(len(spots)) < plane.presence[row, column]]
        return self.rng.permutation(spots)

    def _stroke(self, path: Array, width: float, first: Array, second: Array) -> None:
        """Drag a loaded brush along a path."""
        rng = self.rng
        path = path[np.append(True, np.diff(path, axis=0).any(1))]
        knots = np.append(0, np.hypot(*np.diff(path, axis=0).T).cumsum())
        run = float(knots[-1])
        if run < width / 3:
            return
        along = np.linspace(0, 1, int(run * 1.4) + 2, dtype=np.float32)[:, None]
        across = np.linspace(-1, 1, int(width * 1.5) + 2, dtype=np.float32)[None, :]
        walked = [np.interp(along[:, 0] * run, knots, axis) for axis in path.T]
        line = np.stack(walked, -1).astype(np.float32)
        heading = np.gradient(line, axis=0)
        heading /= np.hypot(*heading.T)[:, None] + 1e-6
        swell = width / 2 * (0.8 + 0.35 * np.sin(np.pi * along**0.7))
        column = (line[:, :1] - heading[:, 1:] * across * swell).astype(np.int32)
        row = (line[:, 1:] + heading[:, :1] * across * swell).astype(np.int32)

        hairs = rng.random((4, max(4, int(width / 4)))).astype(np.float32)
        places = np.linspace(-1, 1, hairs.shape[1])
        ridge, load, streak, start = (
            np.interp(across[0], places, hair).astype(np.float32) for hair in hairs
        )
        bow = 0.5 * width / run * (1 - np.sqrt(1 - 0.98 * across**2))
        dry = (along > 0.82 + 0.3 * load - bow) | (along < 0.07 * start + bow)
        wet = ~dry & (column >= 0) & (column < EASEL) & (row >= 0) & (row < EASEL)
        spot = (row * EASEL + column)[wet]

        blend = np.clip(1.6 * streak - 0.5 + 0.3 * along, 0, 1)[..., None]
        paint = (1 - blend) * first + blend * second
        paint *= 0.89 + 0.2 * ridge[:, None]
        lip = np.exp(-(((np.abs(across) - 0.9) / 0.16) ** 2))  # paint squeezed to the sides
        lip = lip + np.exp(-(((along - 0.93) / 0.05) ** 2))  # ... and left where the brush lifts
        body = width**0.6 * (0.25 + 0.85 * ridge + 0.45 * lip * (0.4 + load))
        self.colour[spot] += 0.93 * (paint[wet] - self.colour[spot])
        self.height[spot] = 0.45 * self.height[spot] + body[wet]

    def lit(self) -> Image.Image:
        """Return the picture under a raking light from the upper left."""
        height: Array = self.height.reshape(EASEL, EASEL)
        for axis in (0, 1):  # a light blur, so that single points do not glitter
            height = (height + np.roll(height, 1, axis)) / 2
        down, across = np.gradient(height * 0.42)
        scale = 1 / np.sqrt(1 + down**2 + across**2)
        light = np.asarray((-0.50, -0.62, 0.60))
        facing = (-across * light[0] - down * light[1] + light[2]) * scale
        shade = 0.57 + 0.43 * np.clip(facing, 0, None) / light[2]
        half = light + np.asarray((0, 0, 1))  # halfway to the eye, which looks straight down
        half /= np.linalg.norm(half)
        shine = np.clip((-across * half[0] - down * half[1] + half[2]) * scale, 0, 1) ** 36
        colour = self.colour.reshape(EASEL, EASEL, 3) * shade[..., None]
        colour += 0.10 * (shine[..., None] - 0.2).clip(0)
        picture = Image.fromarray((np.clip(colour, 0, 1) * 255 + 0.5).astype(np.uint8))
        return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def trace(plane: Plane, starts: Array, length: float, rng: np.random.Generator) -> list[Array]:
    """Follow the flow both ways from each start, as far as the plane goes."""
    steps = 9
    stride = length / (2 * steps) * rng.uniform(0.6, 1.3, len(starts))[:, None]
    turn = rng.normal(0, 0.10, len(starts))
    halves = []
    for sign in (-1, 1):
        spot, alive, half = starts.copy(), np.ones(len(starts), bool), [starts]
        for _ in range(steps):
            column, row = np.clip(spot * GRID / EASEL, 0, GRID - 1).astype(int).T
            angle = plane.angle[row, column] + turn
            alive &= plane.presence[row, column] > 0
            move = np.stack([np.cos(angle), np.sin(angle)], -1) * stride * sign
            spot = spot + move * alive[:, None]
            half.append(spot)
        halves.append(np.stack(half, 1))
    return list(np.concatenate([halves[0][:, :0:-1], halves[1]], 1))


def main(target: Path = SHIPPED) -> None:
    """Paint the picture and save it."""
    rng = np.random.default_rng(SEED)
    canvas = Canvas(rng)
    y, x = (np.mgrid[0:GRID, 0:GRID].astype(np.float32) + 0.5) / GRID
    for plane in heavens(rng, y, x) + land(rng, y, x):
        canvas.cover(plane)
    canvas.lit().save(target, quality=84, optimize=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
