"""The painter's colours and motifs: some from the words of the prompt, the rest from its hash."""

from __future__ import annotations

import colorsys
import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

__all__ = ["PALETTES", "Color", "Palette", "blend", "choose_motif", "choose_palette", "tinted"]

Color = tuple[int, int, int]


@attrs.frozen(kw_only=True)
class Palette:
    """The colours of one picture, from the top of the sky to the nearest ink; `night` makes the sun a moon."""

    sky: tuple[Color, Color, Color]
    far: Color
    near: Color
    mist: Color
    disc: Color
    water: Color
    accent: Color
    night: bool = False


PALETTES: Final[Mapping[str, Palette]] = MappingProxyType(
    {
        "ink": Palette(
            sky=((226, 222, 210), (240, 236, 225), (246, 243, 235)),
            far=(188, 192, 192),
            near=(44, 48, 54),
            mist=(246, 243, 235),
            disc=(196, 70, 48),
            water=(222, 222, 214),
            accent=(172, 60, 44),
        ),
        "dawn": Palette(
            sky=((170, 190, 204), (240, 214, 190), (250, 234, 212)),
            far=(192, 186, 192),
            near=(46, 58, 72),
            mist=(251, 238, 222),
            disc=(222, 92, 58),
            water=(226, 212, 198),
            accent=(206, 88, 66),
        ),
        "jade": Palette(
            sky=((214, 208, 178), (236, 228, 200), (244, 238, 216)),
            far=(158, 192, 182),
            near=(20, 78, 84),
            mist=(243, 238, 216),
            disc=(206, 92, 50),
            water=(190, 208, 196),
            accent=(196, 128, 60),
        ),
        "dusk": Palette(
            sky=((92, 94, 128), (206, 140, 122), (244, 200, 152)),
            far=(176, 140, 142),
            near=(44, 38, 60),
            mist=(240, 200, 168),
            disc=(240, 108, 62),
            water=(196, 148, 136),
            accent=(214, 84, 54),
        ),
        "moon": Palette(
            sky=((24, 34, 58), (56, 76, 104), (120, 142, 156)),
            far=(104, 126, 144),
            near=(14, 22, 36),
            mist=(150, 168, 178),
            disc=(248, 240, 214),
            water=(70, 92, 114),
            accent=(222, 170, 96),
            night=True,
        ),
        "autumn": Palette(
            sky=((214, 200, 172), (240, 222, 186), (247, 234, 206)),
            far=(206, 176, 144),
            near=(84, 46, 32),
            mist=(247, 234, 208),
            disc=(204, 74, 40),
            water=(218, 200, 170),
            accent=(198, 70, 34),
        ),
        "snow": Palette(
            sky=((176, 188, 200), (206, 214, 220), (232, 236, 238)),
            far=(200, 208, 216),
            near=(58, 68, 82),
            mist=(244, 247, 249),
            disc=(214, 96, 76),
            water=(200, 212, 222),
            accent=(190, 52, 56),
        ),
        "spring": Palette(
            sky=((190, 212, 208), (230, 232, 216), (248, 236, 226)),
            far=(176, 200, 188),
            near=(42, 84, 76),
            mist=(249, 243, 234),
            disc=(228, 112, 92),
            water=(198, 220, 212),
            accent=(226, 124, 142),
        ),
    }
)

_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "moon": ("夜", "月", "星空", "night", "moon", "star"),
        "snow": ("雪", "冬", "冰", "snow", "winter"),
        "autumn": ("秋", "枫", "落叶", "金色", "autumn", "fall leaves", "maple"),
        "dusk": ("夕", "黄昏", "晚霞", "日落", "dusk", "sunset"),
        "dawn": ("晨", "日出", "朝霞", "清晨", "dawn", "sunrise", "morning"),
        "jade": ("青绿", "千里江山", "翠", "jade", "emerald"),
        "spring": ("春", "桃", "樱", "花", "spring", "blossom", "flower"),
        "ink": ("水墨", "墨", "ink"),
    }
)

_MOTIF_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "blossom": ("梅", "桃", "樱", "花", "plum", "blossom", "cherry", "flower"),
        "bamboo": ("竹", "bamboo", "panda", "熊猫"),
        "pine": ("松", "pine", "tree", "树"),
    }
)


def _named(prompt: str, words: Mapping[str, tuple[str, ...]]) -> str | None:
    lowered = prompt.lower()
    return next((name for name, known in words.items() if any(word in lowered for word in known)), None)


def choose_palette(prompt: str, dice: random.Random) -> Palette:
    """Return the palette that *prompt* suggests, else one that *dice* picks; always a little shifted."""
    picked = dice.choice(sorted(PALETTES))
    turn = dice.uniform(-0.018, 0.018)
    palette = PALETTES[_named(prompt, _WORDS) or picked]
    return attrs.evolve(
        palette,
        far=_turned(palette.far, turn),
        near=_turned(palette.near, turn),
        water=_turned(palette.water, turn),
    )


def choose_motif(prompt: str, dice: random.Random) -> str:
    """Return what grows in the foreground: `pine`, `blossom` or `bamboo`."""
    picked = dice.choice(["pine", "pine", "blossom", "bamboo"])
    return _named(prompt, _MOTIF_WORDS) or picked


def tinted(palette: Palette, color: Color) -> Palette:
    """Return *palette* drawn towards *color*: the mean colour of a reference."""
    return attrs.evolve(
        palette,
        sky=(blend(palette.sky[0], color, 0.35), blend(palette.sky[1], color, 0.18), palette.sky[2]),
        far=blend(palette.far, color, 0.35),
        near=blend(palette.near, color, 0.22),
    )


def blend(first: Color, second: Color, share: float) -> Color:
    """Return the mix of two colours; *share* 0 is the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _turned(color: Color, turn: float) -> Color:
    hue, light, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in color))
    red, green, blue = (
        round(channel * 255) for channel in colorsys.hls_to_rgb((hue + turn) % 1, light, saturation)
    )
    return red, green, blue
