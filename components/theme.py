"""Colours, type and spacing, for light, dark and high contrast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import gradio as gr
from gradio.themes.utils import colors, sizes

Appearance = Literal["light", "dark", "contrast"]

# Deep green. 600 carries white text at 6.2:1, 300 carries black text on dark grounds.
_GREEN = colors.Color(
    name="releaf_green",
    c50="#eef7f0",
    c100="#d8ecde",
    c200="#b3dcc1",
    c300="#84c79c",
    c400="#4fa974",
    c500="#2b8a56",
    c600="#1d6f43",
    c700="#175836",
    c800="#12462b",
    c900="#0d3420",
    c950="#072115",
)
_STONE = colors.Color(
    name="releaf_stone",
    c50="#f6f8f5",
    c100="#edf0eb",
    c200="#dde2da",
    c300="#c2c9be",
    c400="#98a194",
    c500="#6b7568",
    c600="#525b50",
    c700="#3b433a",
    c800="#252c25",
    c900="#181d18",
    c950="#0f130f",
)
_SYSTEM_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

_TEXT = sizes.Size(
    name="releaf_text",
    xxs="13px",
    xs="14px",
    sm="15px",
    md="16px",
    lg="18px",
    xl="22px",
    xxl="28px",
)
_SPACING = sizes.Size(
    name="releaf_spacing",
    xxs="2px",
    xs="4px",
    sm="6px",
    md="8px",
    lg="12px",
    xl="16px",
    xxl="24px",
)
_RADIUS = sizes.Size(
    name="releaf_radius",
    xxs="2px",
    xs="4px",
    sm="6px",
    md="10px",
    lg="14px",
    xl="18px",
    xxl="24px",
)


@dataclass(frozen=True)
class Paint:
    """Name a ground and the text that stands on it, as hex colours; contrast at least 4.5:1."""

    ground: str
    text: str


@dataclass(frozen=True)
class BinStyle:
    """Say how one bin looks: colour, icon and word together, as colour alone is not enough.

    Attributes:
        word: what the bin is called.
        icon: name of the icon in `components.icons`.
        paints: ground and text for each appearance.
    """

    word: str
    icon: str
    paints: Mapping[Appearance, Paint]


BIN_STYLES: Mapping[str, BinStyle] = {
    "recycle": BinStyle(
        "Recycling",
        "recycle",
        {
            "light": Paint("#1b5fa8", "#ffffff"),
            "dark": Paint("#8ec5ff", "#06203a"),
            "contrast": Paint("#7fc4ff", "#000000"),
        },
    ),
    "compost": BinStyle(
        "Compost",
        "compost",
        {
            "light": Paint("#1d6f43", "#ffffff"),
            "dark": Paint("#8fd6a8", "#062414"),
            "contrast": Paint("#7dff9f", "#000000"),
        },
    ),
    "landfill": BinStyle(
        "General waste",
        "landfill",
        {
            "light": Paint("#4b534a", "#ffffff"),
            "dark": Paint("#c2c9be", "#181d18"),
            "contrast": Paint("#ffffff", "#000000"),
        },
    ),
    "hazardous": BinStyle(
        "Hazardous",
        "hazardous",
        {
            "light": Paint("#b23a12", "#ffffff"),
            "dark": Paint("#ffb08f", "#3a1002"),
            "contrast": Paint("#ffb000", "#000000"),
        },
    ),
}


def bin_variables(appearance: Appearance) -> str:
    """Write the bins' colours as CSS variables: --bin-<id> and --bin-<id>-text."""
    lines = []
    for name, style in BIN_STYLES.items():
        paint = style.paints[appearance]
        lines.append(f"--bin-{name}: {paint.ground}; --bin-{name}-text: {paint.text};")
    return " ".join(lines)


def contrast_ratio(first: str, second: str) -> float:
    """Return the contrast of two hex colours, from 1 to 21.

    Source: WCAG 2.2, definitions of contrast ratio and relative luminance.
    """
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def build_theme() -> gr.themes.Base:
    """Build the theme for light and dark; high contrast is laid over dark in app.css."""
    theme = gr.themes.Base(
        primary_hue=_GREEN,
        secondary_hue=_GREEN,
        neutral_hue=_STONE,
        text_size=_TEXT,
        spacing_size=_SPACING,
        radius_size=_RADIUS,
        font=_SYSTEM_FONTS,
        font_mono=_MONO_FONTS,
    )
    return theme.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_800",
        border_color_primary="*neutral_300",
        border_color_primary_dark="*neutral_700",
        color_accent="*primary_600",
        color_accent_soft="*primary_50",
        color_accent_soft_dark="*neutral_800",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        link_text_color_hover="*primary_800",
        link_text_color_hover_dark="*primary_200",
        link_text_color_visited="*primary_700",
        link_text_color_visited_dark="*primary_300",
        link_text_color_active="*primary_800",
        link_text_color_active_dark="*primary_200",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_700",
        block_border_width="1px",
        block_radius="*radius_lg",
        block_shadow="none",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_label_text_size="*text_sm",
        block_label_background_fill="*neutral_100",
        block_label_background_fill_dark="*neutral_800",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_100",
        block_title_text_size="*text_md",
        block_title_text_weight="600",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_info_text_size="*text_sm",
        accordion_text_color="*neutral_800",
        accordion_text_color_dark="*neutral_100",
        # 3:1 against the ground at least, so that the edge of a field can be seen.
        input_border_color="*neutral_500",
        input_border_color_dark="*neutral_400",
        input_border_color_focus="*primary_600",
        input_border_color_focus_dark="*primary_300",
        input_border_width="1px",
        input_background_fill="white",
        input_background_fill_dark="*neutral_950",
        input_placeholder_color="*neutral_600",
        input_placeholder_color_dark="*neutral_300",
        checkbox_border_color="*neutral_500",
        checkbox_border_color_dark="*neutral_400",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_600",
        checkbox_label_text_size="*text_md",
        slider_color="*primary_600",
        slider_color_dark="*primary_300",
        loader_color="*primary_600",
        loader_color_dark="*primary_300",
        error_text_color="#8f1d1d",
        error_text_color_dark="#ffb4b4",
        error_background_fill="#fdecec",
        error_background_fill_dark="#3a1010",
        error_border_color="#b42318",
        error_border_color_dark="#ff8f8f",
        button_large_radius="*radius_md",
        button_medium_radius="*radius_md",
        button_small_radius="*radius_md",
        button_large_text_size="*text_md",
        button_medium_text_size="*text_md",
        button_small_text_size="*text_md",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_300",
        button_primary_background_fill_hover_dark="*primary_200",
        button_primary_text_color="white",
        button_primary_text_color_hover="white",
        button_primary_text_color_dark="*neutral_950",
        button_primary_text_color_hover_dark="*neutral_950",
        button_primary_border_color="*primary_600",
        button_primary_border_color_dark="*primary_300",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*primary_50",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_500",
        button_secondary_border_color_hover="*primary_600",
        button_secondary_border_color_dark="*neutral_400",
        button_secondary_border_color_hover_dark="*primary_300",
        button_secondary_text_color="*neutral_900",
        button_secondary_text_color_dark="*neutral_100",
        button_border_width="1px",
        table_border_color="*neutral_300",
        table_border_color_dark="*neutral_700",
        table_text_color="*neutral_900",
        table_text_color_dark="*neutral_100",
        table_even_background_fill="white",
        table_even_background_fill_dark="*neutral_900",
        table_odd_background_fill="*neutral_50",
        table_odd_background_fill_dark="*neutral_800",
        panel_background_fill="white",
        panel_background_fill_dark="*neutral_900",
    )
