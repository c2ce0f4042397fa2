"""Draw photo.jpg, the sample picture: hills at sunset. Needs Pillow; the same picture every time.

PYTHONPATH=FOLDER_WITH_PILLOW python examples/thumbnail/draw_photo.py
"""

import math
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIZE = WIDTH, HEIGHT = 1600, 1067
SUN = (1080, 560)
#: colours of the sky from the zenith to the horizon, with their heights in the picture (0 to 1)
SKY = [(0.0, (38, 58, 112)), (0.3, (96, 104, 160)), (0.48, (214, 138, 128)), (0.6, (252, 190, 118))]

Colour = tuple[int, int, int]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Go `share` of the way from colour a to b."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def sky_colour(height: float) -> Colour:
    """Colour the sky at this height of the picture (0 is the top)."""
    for (above, upper), (below, lower) in pairwise(SKY):
        if height <= below:
            return mix(upper, lower, (height - above) / (below - above))
    return SKY[-1][1]


def sky() -> Image.Image:
    """Draw the gradient, with the sun and its glow."""
    column = Image.new("RGB", (1, HEIGHT))
    for y in range(HEIGHT):
        column.putpixel((0, y), sky_colour(y / HEIGHT))
    picture = column.resize(SIZE)
    for radius, blur, light in ((420, 160, (120, 70, 20)), (150, 60, (90, 70, 40)), (62, 3, (255, 236, 190))):
        glow = Image.new("RGB", SIZE)
        x, y = SUN
        ImageDraw.Draw(glow).ellipse((x - radius, y - radius, x + radius, y + radius), fill=light)
        picture = ImageChops.screen(picture, glow.filter(ImageFilter.GaussianBlur(blur)))
    return picture


def noise(chance: random.Random, grain: tuple[int, int]) -> Image.Image:
    """Grey noise whose grains are so many pixels wide and high, smooth between them."""
    across, down = WIDTH // grain[0] + 1, HEIGHT // grain[1] + 1
    return Image.frombytes("L", (across, down), chance.randbytes(across * down)).resize(
        SIZE, Image.Resampling.BICUBIC
    )


def clouds(chance: random.Random) -> Image.Image:
    """How much cloud there is at each point: long streaks, none near the top and the horizon."""
    streaks = Image.blend(noise(chance, (420, 60)), noise(chance, (110, 16)), 0.4)
    fade = Image.new("L", (1, HEIGHT))
    for y in range(HEIGHT):
        fade.putpixel((0, y), round(200 * max(0.0, math.sin(math.pi * min(1.0, y / (0.62 * HEIGHT)))) ** 2))
    return ImageChops.multiply(streaks.point(lambda v: max(0, v - 120) * 2), fade.resize(SIZE))


def ridge(chance: random.Random, level: float, swing: float) -> Callable[[int], float]:
    """Make the outline of a range of hills: a height in pixels for each x."""
    waves = [
        (swing / n, n * chance.uniform(0.8, 1.2), chance.uniform(0, math.tau))
        for n in (1, 2, 3, 5, 9, 17, 40)
    ]
    return lambda x: level + sum(a * math.sin(math.tau * f * x / WIDTH + p) for a, f, p in waves)


def hills(picture: Image.Image, chance: random.Random) -> None:
    """Five ranges, the far ones pale as the sky behind them, the near ones dark and rough."""
    for number in range(5):
        near = number / 4
        outline = ridge(chance, HEIGHT * (0.57 + 0.36 * near**1.3), 26 + 34 * near)
        mask = Image.new("L", SIZE)
        points = [(x, outline(x)) for x in range(0, WIDTH + 4, 4)]
        ImageDraw.Draw(mask).polygon([*points, (WIDTH, HEIGHT), (0, HEIGHT)], fill=255)
        ground = Image.new("RGB", SIZE, mix((206, 148, 138), (22, 30, 34), near**0.6))
        grass = noise(chance, (9, 5)).point(lambda v, near=near: round(v * 0.16 * near))
        ground = ImageChops.add(ground, Image.merge("RGB", (grass, grass, grass.point(lambda v: v // 2))))
        picture.paste(ground, mask=mask.filter(ImageFilter.GaussianBlur(1.2 - 0.6 * near)))


def trees(picture: Image.Image, chance: random.Random) -> None:
    """Plant a few firs in the foreground, for scale."""
    draw = ImageDraw.Draw(picture)
    for _ in range(26):
        x, foot = chance.randint(-20, 620), chance.randint(980, 1090)
        height = chance.randint(110, 230)
        for storey in range(14):
            y = foot - height + height * storey / 14
            half = height * 0.17 * (storey + 1) / 14 * chance.uniform(0.75, 1.15)
            draw.polygon(
                [(x, y - height / 9), (x - half, y + height / 12), (x + half, y + height / 12)],
                fill=(12, 17, 20),
            )


def draw(seed: int = 5) -> Image.Image:
    """Draw the whole picture, with the grain of a film."""
    chance = random.Random(seed)  # noqa: S311  # the same picture every time
    picture = sky()
    picture.paste((255, 214, 190), mask=clouds(chance))
    hills(picture, chance)
    trees(picture, chance)
    picture = picture.filter(ImageFilter.GaussianBlur(0.6))
    grain = noise(chance, (2, 2)).point(lambda v: round(v * 0.07))
    return ImageChops.subtract(picture, Image.merge("RGB", (grain, grain, grain)))


if __name__ == "__main__":
    draw().save(Path(__file__).with_name("photo.jpg"), quality=84, optimize=True)
