"""The families that a worker serves unless its main is given others."""

from workers.families.family import Family
from workers.families.stylegan2 import StyleGan2

FAMILIES: tuple[Family, ...] = (StyleGan2(),)
"""The first one also reads built-in generators whose about.json names no family."""
