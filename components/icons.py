"""Line icons, 24 × 24, drawn in the colour of the text around them."""

from __future__ import annotations

_PATHS: dict[str, str] = {
    # bins
    "recycle": "M7 10l-3 5.2a1.5 1.5 0 0 0 1.3 2.3H9M17 10l3 5.2a1.5 1.5 0 0 1-1.3 2.3H13"
    "M8.5 7.5l2.2-3.8a1.5 1.5 0 0 1 2.6 0l2.2 3.8M5 9.6l2-.1 1 1.9M15 15.5l-2 2 2 2"
    "M16.4 5.2l-.8 2.4-2.4-.7",
    "leaf": "M5 19c0-9 5-14 15-14 0 10-5 15-12 15M5 20c2-5 5-8 10-10",
    "trash": "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
    "warning": "M12 3l10 18H2zM12 10v5M12 18v.5",
    "return": "M4 12a8 8 0 1 0 3-6.2M4 4v5h5",
    "drop_off": "M12 21s7-6.5 7-11.5a7 7 0 0 0-14 0C5 14.5 12 21 12 21zM12 12a2.5 2.5 0 1 0 0"
    "-5 2.5 2.5 0 0 0 0 5z",
    "compost": "M5 19c0-9 5-14 15-14 0 10-5 15-12 15M5 20c2-5 5-8 10-10",
    "landfill": "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
    "hazardous": "M12 3l10 18H2zM12 10v5M12 18v.5",
    # items
    "plastic_bottle": "M10 2h4v3l2 3v12a2 2 0 0 1-2 2h-4a2 2 0 0 1-2-2V8l2-3zM8 11h8M8 16h8",
    "plastic_bag": "M5 9h14l1 12H4zM9 9V5a1 1 0 0 0-2 0v4M17 9V5a1 1 0 0 0-2 0v4",
    "plastic_food_container": "M3 8h18l-2 11H5zM2 8l3-3h14l3 3M8 12v4M12 12v4M16 12v4",
    "detergent_bottle": "M9 6h4V3h4M9 6c-2 1-3 3-3 5v9a1 1 0 0 0 1 1h8a1 1 0 0 0 1-1V9l-3-3"
    "M13 3v3M6 13h10",
    "disposable_cup": "M6 6h12l-1.5 15h-9zM5 3h14v3H5zM7 11h10",
    "glass_bottle": "M10 2h4v6l2 3v10a1 1 0 0 1-1 1H9a1 1 0 0 1-1-1V11l2-3zM8 14h8M8 18h8",
    "glass_jar": "M7 3h10v3H7zM7 6c-1 1-2 2-2 4v9a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-9c0-2-1-3-2-4"
    "M8 12h8",
    "aluminum_can": "M7 5l1-2h8l1 2v14l-1 2H8l-1-2zM7 5h10M7 19h10M11 3l2 0",
    "food_can": "M5 6c0-1.5 3-2.5 7-2.5s7 1 7 2.5v12c0 1.5-3 2.5-7 2.5s-7-1-7-2.5zM5 6"
    "c0 1.5 3 2.5 7 2.5S19 7.5 19 6M5 12c0 1.5 3 2.5 7 2.5s7-1 7-2.5",
    "cardboard_box": "M3 8l9-4 9 4v9l-9 4-9-4zM3 8l9 4 9-4M12 12v9M7.5 6l9 4",
    "paper": "M6 2h8l4 4v16H6zM14 2v4h4M9 11h6M9 15h6M9 19h4",
    "drink_carton": "M7 9l2-5h6l2 5v12H7zM7 9h10M9 4h6M12 9v12",
    "food_waste": "M12 8c-5-3-8 1-7 6 1 4 3 7 5 7 1 0 1-1 2-1s1 1 2 1c2 0 4-3 5-7 1-5-2-9-7-6z"
    "M12 8c0-3 1-5 3-6",
    "battery": "M7 5h10v16H7zM10 2h4v3h-4zM12 9v5M9.5 11.5h5M10 18h4",
    "mobile_phone": "M7 2h10v20H7zM11 19h2M7 5h10M7 17h10",
    "small_electronics": "M2 7h20v11H2zM5 10h.5M9 10h.5M13 10h.5M17 10h.5M5 13h.5M9 13h.5M13 13h.5"
    "M17 13h.5M8 16h8",
    "appliance": "M4 2h16v20H4zM4 7h16M12 19a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM7 4.5h1M11 4.5h5",
    "clothing": "M8 3l-6 4 2 5 3-1v10h10V11l3 1 2-5-6-4c-1 2-7 2-8 0z",
    "shoes": "M3 8v9h18v-3c0-2-3-2-6-3l-4-4-2 2c-2 1-4 1-6-1zM3 14h18",
    "wood": "M3 8h13v8H3zM16 8a3 4 0 0 1 0 8M16 12h.5M3 12h9M6 8V8M19 10h2v8H7v-2",
    "unknown": "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3"
    "c-.7.4-1 1-1 1.7M12 16.5v.5",
}


def icon(name: str, *, size_px: int = 24) -> str:
    """Return an icon as inline SVG; it says nothing to a screen reader, the word beside it does."""
    path = _PATHS.get(name, _PATHS["unknown"])
    return (
        f'<svg class="icon" viewBox="0 0 24 24" width="{size_px}" height="{size_px}" fill="none" '
        'stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" '
        f'aria-hidden="true" focusable="false"><path d="{path}"/></svg>'
    )
