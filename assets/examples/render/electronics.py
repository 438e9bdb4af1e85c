"""Batteries, a phone, a keyboard with mouse. Sizes in decimetres."""

import math

import bpy
from mathutils import Matrix

from . import materials, prints, scene, shapes

Object = bpy.types.Object

KEY_ROWS = (
    (("Esc", 1.0), *((f"F{k}", 1.0) for k in range(1, 13)), ("Prt", 1.0), ("Del", 1.0)),
    (*((c, 1.0) for c in "`1234567890-="), ("Back", 2.0)),
    (("Tab", 1.5), *((c, 1.0) for c in "QWERTYUIOP[]"), ("\\", 1.5)),
    (("Caps", 1.8), *((c, 1.0) for c in "ASDFGHJKL;'"), ("Enter", 2.2)),
    (("Shift", 2.3), *((c, 1.0) for c in "ZXCVBNM,./"), ("Shift", 2.7)),
    (
        ("Ctrl", 1.3),
        ("Win", 1.3),
        ("Alt", 1.3),
        ("", 6.2),
        ("Alt", 1.3),
        ("Fn", 1.2),
        ("<", 1.2),
        (">", 1.2),
    ),
)


def _aa_cell() -> list[Object]:
    """Build an AA cell (14.5 mm by 50.5 mm) standing on its flat end, ten times life size."""
    black = materials.plain("sleeve", (0.012, 0.012, 0.014), roughness=0.25, clearcoat=0.4)
    copper = materials.plain("gold band", (0.72, 0.36, 0.1), roughness=0.25, metallic=0.9)
    steel = materials.plain("steel", (0.75, 0.75, 0.74), roughness=0.22, metallic=1.0)
    white = materials.plain("print", (0.85, 0.85, 0.82), roughness=0.4)
    r = 0.725
    parts = [
        shapes.lathe("body", shapes.rounded([(0.5, 0.02, 0), (r, 0.02, 0.05), (r, 3.4, 0)]), black),
        shapes.lathe(
            "band", shapes.rounded([(r, 3.4, 0), (r, 4.88, 0.06), (0.52, 4.88, 0)]), copper
        ),
        shapes.lathe("minus", shapes.rounded([(0, 0, 0), (0.5, 0, 0.03), (0.52, 0.05, 0)]), steel),
        shapes.lathe(
            "plus",
            shapes.rounded(
                [
                    (0.55, 4.86, 0),
                    (0.5, 4.9, 0.02),
                    (0.28, 4.9, 0.03),
                    (0.27, 5.05, 0.05),
                    (0, 5.05, 0),
                ]
            ),
            steel,
        ),
    ]
    for text, size, height in (("ALKALINE", 0.62, 1.75), ("+", 0.9, 4.2)):
        words = prints.lettering(text, size, white if size < 0.8 else black, bold=0.012)
        if size < 0.8:
            words.data.transform(_quarter_turn())
        parts.append(prints.wrap(words, r + 0.008, height, step=0.08))
    label = prints.lettering("AA  1.5V  LR6", 0.26, white)
    label.data.transform(_quarter_turn())
    parts.append(prints.wrap(label, r + 0.008, 1.75, angle_deg=38, step=0.08))
    return parts


def _quarter_turn() -> Matrix:
    """Return a turn by 90 degrees in the plane of a print."""
    return Matrix.Rotation(math.radians(90), 4, "Z")


def battery_aa() -> None:
    """Four AA cells lying on a white board."""
    for x, y, turn, roll in (
        (-0.9, 1.9, -82, 15),
        (-0.4, 0.15, -87, -12),
        (-0.9, -1.65, -79, 8),
        (2.9, 0.1, -14, -20),
    ):
        inner = shapes.group(_aa_cell(), (0, 0, -2.5), (0, 0, roll))
        shapes.group([inner], (x, y, 0.725), (-90, 0, turn))
    scene.table("board")
    scene.product_light(0.5, power=1.6)
    scene.camera((0.6, -11, 11.5), (0.1, 0.1, 0.3), focal_mm=66, fstop=0.5)


def battery_9v() -> None:
    """A 9 V block battery with its two snap terminals, five times life size."""
    black = materials.plain("sleeve", (0.015, 0.015, 0.017), roughness=0.28, clearcoat=0.4)
    copper = materials.plain("gold band", (0.72, 0.36, 0.1), roughness=0.25, metallic=0.9)
    steel = materials.plain("steel", (0.75, 0.75, 0.74), roughness=0.22, metallic=1.0)
    white = materials.plain("print", (0.85, 0.85, 0.82), roughness=0.4)
    dark = materials.plain("insulator", (0.05, 0.045, 0.04), roughness=0.6)
    lower = shapes.slab("lower", 1.325, 0.875, 1.6, 0.14, black, edge=0.02)
    upper = shapes.slab("upper", 1.325, 0.875, 0.75, 0.14, copper, edge=0.02)
    shapes.place(upper, (0, 0, 1.6))
    top = shapes.box("top", (1.2, 0.76, 0.04), (0, 0, 2.35), dark)
    socket = shapes.lathe(
        "socket",
        [(0.1, 0.02), (0.1, 0), (0.2, 0), (0.23, 0.16), (0.17, 0.17), (0.15, 0.05), (0, 0.05)],
        steel,
        segments=6,
    )
    stud = shapes.lathe(
        "stud",
        shapes.rounded([(0.17, 0, 0), (0.13, 0.03, 0.02), (0.15, 0.14, 0.03), (0, 0.16, 0)]),
        steel,
        segments=40,
    )
    shapes.place(socket, (-0.32, 0, 2.37))
    shapes.place(stud, (0.32, 0, 2.37))
    parts = [lower, upper, top, socket, stud]
    for text, size, height, ink in (
        ("9V", 0.55, 1.1, white),
        ("ALKALINE", 0.2, 0.68, white),
        ("6LR61", 0.13, 0.42, white),
        ("-        +", 0.3, 2.0, black),
    ):
        words = prints.lettering(text, size, ink, bold=0.006)
        parts.append(shapes.place(words, (0, -0.442, height), (90, 0, 0)))
    shapes.group(parts, (0, 0, 0), (0, 0, 24))
    scene.table("light_wood")
    scene.product_light(2.0)
    scene.camera((0.3, -6.4, 4.4), (0, 0, 1.15), focal_mm=88)


def mobile_phone_table() -> None:
    """A smartphone with a dark screen lying on a wooden table."""
    case = materials.plain("case", (0.02, 0.02, 0.022), roughness=0.3, metallic=0.6)
    rim = materials.plain("rim", (0.6, 0.61, 0.63), roughness=0.25, metallic=1.0)
    screen = materials.plain("screen", (0.004, 0.004, 0.006), roughness=0.05, clearcoat=1.0)
    border = materials.plain("border", (0.012, 0.012, 0.013), roughness=0.1)
    body = shapes.slab("body", 0.72, 1.46, 0.08, 0.11, rim)
    back = shapes.slab("front", 0.7, 1.44, 0.02, 0.1, border)
    shapes.place(back, (0, 0, 0.068))
    display = shapes.place(shapes.slab("display", 0.63, 1.16, 0.004, 0.01, screen), (0, 0, 0.086))
    home = shapes.lathe("home", [(0.052, 0), (0.056, 0.004), (0.06, 0)], rim, segments=48)
    shapes.place(home, (0, -0.65, 0.0875))
    speaker = shapes.place(
        shapes.slab("speaker", 0.14, 0.018, 0.003, 0.009, case), (0, 0.655, 0.0875)
    )
    lens = shapes.lathe("lens", [(0, 0.002), (0.014, 0.002), (0.016, 0)], case, segments=24)
    shapes.place(lens, (-0.12, 0.655, 0.0875))
    parts = [body, back, display, home, speaker, lens]
    for y in (0.32, 0.2):
        parts.append(shapes.box("key", (0.012, 0.09, 0.03), (-0.364, y, 0.04), rim, bevel=0.003))
    shapes.group(parts, (0, 0, 0), (0, 0, -22))
    scene.table("light_wood")
    scene.product_light(0.1, power=0.9)
    scene.camera((0.2, -2.3, 3.2), (0, -0.02, 0.03), focal_mm=72, fstop=1.4)


def _key(width: float, depth: float, material: bpy.types.Material) -> Object:
    """Make one keycap: a frustum with soft edges."""
    sections = [
        (0.0, width / 2, depth / 2, 14),
        (0.05, width / 2 - 0.006, depth / 2 - 0.006, 14),
        (0.075, width / 2 - 0.022, depth / 2 - 0.022, 10),
        (0.082, width / 2 - 0.034, depth / 2 - 0.034, 9),
    ]
    return shapes.loft("key", sections, material, segments=48)


def small_electronics_keyboard() -> None:
    """A black computer keyboard and a mouse on a desk."""
    black = materials.plain("case", (0.018, 0.018, 0.02), roughness=0.45, bump=0.001, bump_scale=40)
    cap = materials.plain("keycap", (0.03, 0.03, 0.033), roughness=0.5)
    white = materials.plain("legend", (0.75, 0.75, 0.75), roughness=0.5)
    pitch = 0.19
    parts = [shapes.slab("case", 3.1, 1.42, 0.14, 0.08, black)]
    for row, keys in enumerate(KEY_ROWS):
        x = -1.43
        y = 0.56 - row * pitch - (0.06 if row else 0)
        for label, units in keys:
            width = units * pitch
            parts.append(
                shapes.place(_key(width - 0.022, pitch - 0.022, cap), (x + width / 2, y, 0.13))
            )
            if label:
                size = 0.075 if len(label) == 1 else 0.045
                text = prints.lettering(label, size, white)
                parts.append(shapes.place(text, (x + width / 2 - 0.02, y + 0.02, 0.2135)))
            x += width
    shapes.group(parts, (-0.25, 0.1, 0.03), (4, 0, 9))
    mouse_sections = [
        (
            0.36 * k / 14,
            0.31 * math.sqrt(max(0.002, 1 - (k / 14) ** 2.4)),
            0.55 * math.sqrt(max(0.002, 1 - (k / 14) ** 2.2)),
            2.4,
        )
        for k in range(15)
    ]
    mouse = shapes.loft("mouse", mouse_sections, black)
    wheel = shapes.lathe(
        "wheel",
        shapes.rounded([(0, -0.03, 0), (0.1, -0.03, 0.01), (0.1, 0.03, 0.01), (0, 0.03, 0)]),
        white,
        segments=40,
    )
    shapes.place(wheel, (0, 0.3, 0.22), (0, 90, 0))
    shapes.group([mouse, wheel], (1.75, -0.65, 0.0), (0, 0, 14))
    scene.table("light_wood")
    scene.product_light(0.2, power=1.1)
    scene.camera((0.2, -4.6, 4.4), (0.15, -0.08, 0.05), focal_mm=47, fstop=1.0)


SUBJECTS = {
    "battery_aa": battery_aa,
    "battery_9v": battery_9v,
    "mobile_phone_table": mobile_phone_table,
    "small_electronics_keyboard": small_electronics_keyboard,
}
