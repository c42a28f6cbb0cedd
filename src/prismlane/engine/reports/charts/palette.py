"""Colours of charts: the palette of Okabe & Ito (2008), which people with colour-blindness can tell apart."""

from typing import Final

BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
VERMILLION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
SKY: Final = "#56B4E9"

#: One colour a series, most distinct first. Black and yellow of the palette are left out: each vanishes in one scheme.
SERIES: Final = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
#: One dash pattern a series, so that a series is told without its colour too.
DASHES: Final = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [1, 3])

#: From the low end over the middle to the high end.
DIVERGING: Final = (VERMILLION, "#F4F1EA", BLUE)
#: From nothing to much.
SEQUENTIAL: Final = ("#E6EFF6", BLUE)
