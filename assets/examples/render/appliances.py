"""A washing machine and a microwave oven. Sizes in decimetres."""

import math

from . import materials, prints, scene, shapes


def _kitchen_floor(wall_distance: float) -> None:
    tiles = materials.mottled(
        "floor", (0.26, 0.24, 0.22), (0.36, 0.34, 0.31), scale=0.4, roughness=0.45
    )
    scene.plane("floor", 160, tiles)
    scene.wall(wall_distance, materials.plain("wall", (0.55, 0.53, 0.48), roughness=0.9))


def appliance_washing_machine() -> None:
    """A white front-loading washing machine standing at a wall."""
    white = materials.plain("enamel", (0.8, 0.81, 0.82), roughness=0.22, clearcoat=0.3)
    grey = materials.plain("grey", (0.35, 0.36, 0.38), roughness=0.35)
    chrome = materials.plain("chrome", (0.8, 0.8, 0.82), roughness=0.12, metallic=1.0)
    dark = materials.plain("dark", (0.015, 0.015, 0.018), roughness=0.15, clearcoat=0.6)
    window = materials.plain("window", (0.03, 0.035, 0.04), roughness=0.03, clearcoat=1.0)
    lamp = materials.plain("digits", (0.2, 0.7, 0.9), emission=1.5)
    front = -2.75
    parts = [
        shapes.box("body", (6, 5.5, 8.4), (0, 0, 4.25), white, bevel=0.1),
        shapes.box("panel", (5.9, 0.1, 1.15), (0, front - 0.02, 7.8), white, bevel=0.04),
        shapes.box("line", (5.9, 0.04, 0.03), (0, front - 0.01, 7.18), grey, bevel=0),
        shapes.box("drawer", (1.7, 0.08, 0.85), (-1.95, front - 0.07, 7.8), white, bevel=0.03),
        shapes.box("grip", (0.9, 0.05, 0.14), (-1.95, front - 0.12, 7.58), grey, bevel=0.02),
        shapes.box("display", (1.4, 0.06, 0.6), (1.9, front - 0.07, 7.85), dark, bevel=0.03),
        shapes.box("plinth", (5.9, 0.05, 0.7), (0, front - 0.01, 0.45), white, bevel=0.02),
        shapes.box("filter", (0.9, 0.05, 0.45), (2.2, front - 0.04, 0.45), grey, bevel=0.02),
    ]
    door = shapes.lathe(
        "door",
        shapes.rounded(
            [
                (1.32, 0.1, 0),
                (1.35, 0.3, 0.06),
                (1.6, 0.36, 0.1),
                (1.95, 0.25, 0.12),
                (2.02, 0.0, 0),
            ]
        ),
        chrome,
        segments=128,
    )
    outer = shapes.lathe(
        "outer", shapes.rounded([(2.0, 0.12, 0), (2.2, 0.1, 0.05), (2.25, 0, 0)]), white
    )
    bowl = shapes.lathe(
        "bowl",
        [
            (1.35 * math.sin(k * math.pi / 40), 0.02 + 0.42 * math.cos(k * math.pi / 40))
            for k in range(21)
        ],
        window,
    )
    knob = shapes.lathe(
        "knob",
        shapes.rounded(
            [(0.46, 0, 0), (0.44, 0.1, 0.03), (0.34, 0.12, 0.02), (0.3, 0.3, 0.05), (0, 0.3, 0)]
        ),
        chrome,
        segments=64,
    )
    for part, spot in (
        (door, (0, front, 4.0)),
        (outer, (0, front, 4.0)),
        (bowl, (0, front, 4.0)),
        (knob, (0.2, front - 0.06, 7.8)),
    ):
        parts.append(shapes.place(part, spot, (90, 0, 0)))
    parts.append(shapes.box("handle", (0.2, 0.16, 0.9), (1.85, front - 0.3, 4.0), grey, bevel=0.06))
    parts.append(
        shapes.place(prints.lettering("0:45", 0.36, lamp), (1.9, front - 0.105, 7.85), (90, 0, 0))
    )
    for k in range(4):
        parts.append(
            shapes.box("button", (0.2, 0.05, 0.1), (1.45 + 0.3 * k, front - 0.07, 7.4), grey)
        )
    shapes.group(parts, (0, 0, 0), (0, 0, 18))
    _kitchen_floor(4.6)
    scene.area_light((-12, -14, 16), (0, 0, 4), size=9, power_w=3800)
    scene.area_light((14, -10, 8), (0, 0, 4), size=8, power_w=1300)
    scene.room_light(0.5)
    scene.camera((1.5, -20, 7.2), (0, 0, 4.25), focal_mm=64, fstop=0.6)


def appliance_microwave() -> None:
    """A microwave oven on a kitchen worktop."""
    steel = materials.plain("steel", (0.6, 0.6, 0.6), roughness=0.3, metallic=0.9)
    white = materials.plain("print", (0.8, 0.8, 0.8), roughness=0.5)
    dark = materials.plain("dark", (0.015, 0.015, 0.018), roughness=0.12, clearcoat=0.6)
    black = materials.plain("key", (0.04, 0.04, 0.045), roughness=0.5)
    lamp = materials.plain("digits", (0.1, 0.8, 0.4), emission=2.0)
    front = -1.8
    parts = [
        shapes.box("body", (4.8, 3.6, 2.8), (0, 0, 1.5), steel, bevel=0.06),
        shapes.box("door", (3.6, 0.16, 2.7), (-0.56, front - 0.05, 1.5), steel, bevel=0.04),
        shapes.box("window", (2.8, 0.05, 1.75), (-0.7, front - 0.12, 1.5), dark, bevel=0.02),
        shapes.box("panel", (1.08, 0.16, 2.7), (1.82, front - 0.05, 1.5), dark, bevel=0.04),
        shapes.box("handle", (0.12, 0.16, 2.0), (1.02, front - 0.3, 1.5), steel, bevel=0.05),
        shapes.box("mount", (0.1, 0.25, 0.12), (1.02, front - 0.18, 2.3), steel),
        shapes.box("mount", (0.1, 0.25, 0.12), (1.02, front - 0.18, 0.7), steel),
    ]
    clock = prints.lettering("12:30", 0.28, lamp)
    parts.append(shapes.place(clock, (1.82, front - 0.135, 2.5), (90, 0, 0)))
    for row, labels in enumerate(("123", "456", "789", "C0S")):
        for column, label in enumerate(labels):
            x, z = 1.5 + 0.32 * column, 2.05 - 0.34 * row
            parts.append(
                shapes.box("key", (0.27, 0.03, 0.26), (x, front - 0.135, z), black, bevel=0.01)
            )
            text = prints.lettering(label, 0.15, white)
            parts.append(shapes.place(text, (x, front - 0.153, z), (90, 0, 0)))
    start = shapes.box("start", (0.9, 0.03, 0.28), (1.82, front - 0.135, 0.62), steel, bevel=0.01)
    shapes.group([*parts, start], (0, 0, 0), (0, 0, 16))
    scene.table("light_wood")
    scene.wall(3.4, materials.plain("wall", (0.55, 0.54, 0.5), roughness=0.9))
    scene.area_light((-7, -8, 9), (0, 0, 1.4), size=5, power_w=1300)
    scene.area_light((9, -6, 5), (0, 0, 1.4), size=5, power_w=450)
    scene.room_light(0.45)
    scene.camera((0.8, -12, 4.6), (0, -0.3, 1.45), focal_mm=64, fstop=0.7)


SUBJECTS = {
    "appliance_washing_machine": appliance_washing_machine,
    "appliance_microwave": appliance_microwave,
}
