"""Sentences of guidance that others are held against."""

from __future__ import annotations

VAPE = (
    "Never put a dead vape in a bin, neither recycling nor general waste, because the lithium "
    "battery inside can catch fire when it is crushed."
)
BATTERY = (
    "- Tape over the ends of a used battery, keep it dry and take it to a battery collection box "
    "in a shop or recycling centre."
)
SAVING = "Recycling aluminium saves about 95 percent of the energy needed to make it from ore."
GREASE = "Foil with burnt cheese or grease on it goes in general waste."
DEPOSIT = "In Germany, a single-use drink can carries a deposit of 25 cents."
TAKE_BACK = (
    "In Germany, every shop that sells e-cigarettes has to take old ones back for free since "
    "July 2026."
)
BLACK = "Put black plastic in general waste unless your local recycling list names it."
AEROSOL = "Never pierce, crush or burn an aerosol can, even when it seems empty."
CERAMICS = "Never put ceramics in a bottle bank, because porcelain does not melt with glass."
JAR = "Rinse a glass jar and put it in the recycling without its lid."
EMERGENCY = "Call 999 in the UK, 911 in North America and 119 in Japan."
PASSAGES = [VAPE, BATTERY, SAVING, GREASE, DEPOSIT, TAKE_BACK, BLACK, AEROSOL, CERAMICS, JAR]
