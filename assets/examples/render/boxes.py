"""Cardboard, paper, cartons and wood: things made of sheets and boards. Sizes in decimetres."""

import math
import random

import bpy
from mathutils import Matrix, Vector

from . import materials, prints, scene, shapes

Object = bpy.types.Object

TEXT = (
    "Minutes of the meeting held on the third of May. The members agreed that the report on the "
    "state of the roof is to be sent to the owner of the house before the end of the month, and "
    "that the offers of two builders are to be asked for. The costs of last year were read out "
    "and found to be right. The next meeting is on the first Monday of July at seven. "
)


def _kraft() -> bpy.types.Material:
    return materials.mottled(
        "kraft",
        (0.33, 0.2, 0.1),
        (0.43, 0.275, 0.15),
        scale=2.5,
        stretch=(1, 1, 6),
        roughness=0.85,
        bump=0.012,
    )


def _carton(width: float, depth: float, height: float, flaps_deg: list[float]) -> list[Object]:
    """Build an open corrugated carton; flaps_deg opens front, back, left, right from upright."""
    board = _kraft()
    thick = 0.05
    parts = [
        shapes.box("base", (width, depth, thick), (0, 0, thick / 2), board),
        shapes.box("front", (width, thick, height), (0, -depth / 2, height / 2), board),
        shapes.box("back", (width, thick, height), (0, depth / 2, height / 2), board),
        shapes.box("left", (thick, depth, height), (-width / 2, 0, height / 2), board),
        shapes.box("right", (thick, depth, height), (width / 2, 0, height / 2), board),
    ]
    reach = depth / 2
    hinges = [(0, -depth / 2, width), (180, depth / 2, width)]
    for (turn, y, length), opening in zip(hinges, flaps_deg[:2], strict=True):
        flap = shapes.box("flap", (length - 0.02, thick, reach), (0, 0, reach / 2), board)
        flap.data.transform(_hinge(reach, opening))
        shapes.place(flap, (0, y, height), (0, 0, turn))
        parts.append(flap)
    for (turn, x), opening in zip([(-90, -width / 2), (90, width / 2)], flaps_deg[2:], strict=True):
        flap = shapes.box("flap", (depth - 0.02, thick, reach), (0, 0, reach / 2), board)
        flap.data.transform(_hinge(reach, opening))
        shapes.place(flap, (x, 0, height), (0, 0, turn))
        parts.append(flap)
    return parts


def _hinge(reach: float, opening_deg: float) -> Matrix:
    """Return the move that swings a flap outwards (towards minus y) about its lower edge."""
    return Matrix.Rotation(math.radians(opening_deg), 4, "X") @ Matrix.Translation(
        (0, 0, reach / 2)
    )


def cardboard_box_open() -> None:
    """An open brown shipping carton with its flaps up."""
    parts = _carton(3.6, 2.6, 2.2, [100, 60, 118, 105])
    ink = materials.plain("ink", (0.03, 0.025, 0.02), roughness=0.8)
    tape = materials.plain("tape", (0.42, 0.27, 0.12), roughness=0.2, clearcoat=0.4)
    marks = [
        prints.lettering("FRAGILE", 0.42, ink, bold=0.006),
        prints.lettering("HANDLE WITH CARE", 0.15, ink),
    ]
    for text, height in zip(marks, (0.85, 0.5), strict=True):
        shapes.place(text, (0.55, -1.329, height), (90, 0, 0))
    for x in (-1.35, -1.0):
        arrow = [
            (-0.05, 0),
            (0.05, 0),
            (0.05, 0.35),
            (0.14, 0.35),
            (0, 0.55),
            (-0.14, 0.35),
            (-0.05, 0.35),
        ]
        marks.append(shapes.place(prints.patch(arrow, ink), (x, -1.329, 0.5), (90, 0, 0)))
    strip = shapes.box("tape", (0.004, 0.5, 0.9), (1.828, 0, 1.75), tape, bevel=0)
    shapes.group([*parts, *marks, strip], (0, 0, 0), (0, 0, -26))
    scene.table("light_wood")
    scene.wall(12, materials.plain("wall", (0.6, 0.59, 0.56), roughness=0.9))
    scene.product_light(2.2, power=1.5)
    scene.camera((0.5, -9.5, 6.0), (0, 0, 1.25), focal_mm=52, fstop=0.7)


def _page(width: float, depth: float, seed: int) -> tuple[Object, Object]:
    """Make a sheet of paper and its printed text, both flat and fine enough to bend."""
    white = materials.plain("paper", (0.82, 0.82, 0.8), roughness=0.75)
    ink = materials.plain("ink", (0.03, 0.03, 0.035), roughness=0.8)
    words = TEXT.split() * 6
    random.Random(seed).shuffle(words)
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) > 68:
            lines.append(line)
            line = ""
        line += word + " "
    sheet = shapes.grid("sheet", width, depth, 90, white)
    text = prints.lettering("\n".join(lines[:38]), width / 37, ink)
    return sheet, text


def paper_crumpled() -> None:
    """Three crumpled balls of white paper on a dark table."""
    white = materials.plain("paper", (0.74, 0.74, 0.72), roughness=0.8)
    for seed, (x, y, size) in enumerate(
        [(-0.42, 0.1, 0.5), (0.55, -0.15, 0.42), (0.3, 0.75, 0.45)]
    ):
        ball = shapes.ball("ball", 0.5, 7, white)
        big, small = shapes.crumpled(seed, folds=7), shapes.crumpled(seed + 50, folds=7)

        def crush(spot: Vector, big=big, small=small) -> Vector:
            return spot * (0.95 + 0.17 * big(spot * 2) + 0.06 * small(spot * 4.5))

        shapes.deform([ball], crush)
        ball.data.auto_smooth_angle = math.radians(20)
        ball.scale = (size / 0.5,) * 3
        shapes.settle(shapes.group([ball], (x, y, size)))
    scene.table("dark_wood")
    scene.area_light((-5, -0.5, 2.8), (0, 0, 0.3), size=1.6, power_w=330, color=(1.0, 0.96, 0.9))
    scene.room_light(0.35)
    scene.camera((0.2, -4.6, 3.2), (0.05, 0.15, 0.36), focal_mm=78)


def paper_printed() -> None:
    """Creased sheets of printed office paper, lying over one another."""
    for seed, (x, y, z, turn) in enumerate(
        [(-0.2, 0.15, 0.01, 14), (0.25, 0.0, 0.05, -9), (0.0, -0.1, 0.09, 3)]
    ):
        sheet, text = _page(2.1, 2.97, seed)
        fold = shapes.creases(20 + seed, 7, 1.2)

        def bend(spot: Vector, fold=fold, seed=seed) -> Vector:
            curl = 0.05 * max(0.0, spot.x * 0.6 + spot.y * 0.5) ** 2
            wave = 0.02 * shapes.wander(Vector((spot.x, spot.y, 0)), 0.9, seed)
            facets = 0.035 * fold(Vector((spot.x, spot.y, 0)))
            return spot + Vector((0, 0, 0.12 + curl + wave + facets))

        prints.drape(text, (0, 0, 0.005), bend, 0.06)
        shapes.deform([sheet], bend)
        shapes.group([sheet, text], (x, y, z), (0, 0, turn))
    scene.table("dark_wood")
    scene.product_light(0.2)
    scene.camera((0.3, -4.3, 5.6), (0, -0.05, 0.1), focal_mm=62)


def drink_carton_milk() -> None:
    """A gable-top milk carton with a screw cap."""
    white = materials.plain("carton", (0.83, 0.84, 0.84), roughness=0.35, clearcoat=0.2)
    blue = materials.plain("blue print", (0.01, 0.12, 0.5), roughness=0.35, clearcoat=0.2)
    green = materials.plain("green print", (0.06, 0.3, 0.04), roughness=0.35)
    side, body, ridge = 0.475, 1.95, 2.4
    corners = [(-side, -side), (side, -side), (side, side), (-side, side)]
    points = [(x, y, 0.0) for x, y in corners] + [(x, y, body) for x, y in corners]
    points += [
        (-side, 0, ridge),
        (side, 0, ridge),
        (-0.16, 0, ridge - 0.06),
        (0.16, 0, ridge - 0.06),
    ]
    faces = [
        (0, 1, 2, 3),
        (0, 1, 5, 4),
        (1, 2, 6, 5),
        (2, 3, 7, 6),
        (3, 0, 4, 7),
        (4, 5, 9, 8),
        (6, 7, 8, 9),
        (5, 11, 9),
        (11, 6, 9),
        (5, 6, 11),
        (4, 8, 10),
        (10, 8, 7),
        (4, 10, 7),
    ]
    shell = shapes.from_faces("shell", points, faces, white, smooth_deg=10)
    fin = shapes.box("fin", (2 * side, 0.03, 0.24), (0, 0, ridge + 0.1), white, bevel=0.006)
    cap = shapes.lathe(
        "cap",
        shapes.rounded(
            [
                (0.17, 0, 0),
                (0.17, 0.03, 0.01),
                (0.145, 0.03, 0.01),
                (0.14, 0.15, 0.02),
                (0, 0.15, 0),
            ]
        ),
        blue,
        segments=48,
    )
    slope = math.degrees(math.atan2(ridge - body, side))
    shapes.place(cap, (0, -side / 2 - 0.005, (body + ridge) / 2), (slope, 0, 0))
    parts = [shell, fin, cap]
    gap = 0.004
    wave = [
        (-side + 2 * side * k / 40, 0.72 + 0.07 * math.sin(k / 40 * 2 * math.pi)) for k in range(41)
    ]
    field = [(side, 0.02), (-side, 0.02), *wave]
    grass = [
        (side, 0.02),
        (-side, 0.02),
        *[(x, y * 0.45 + 0.03 * math.sin(9 * x)) for x, y in wave],
    ]
    for turn in (0, 90):
        marks = [
            shapes.place(prints.patch(field, blue), (0, -side - gap, 0), (90, 0, 0)),
            shapes.place(prints.patch(grass, green), (0, -side - 2 * gap, 0), (90, 0, 0)),
        ]
        for words, size, height, ink in (
            ("MILK", 0.36, 1.4, blue),
            ("fresh whole", 0.13, 1.68, green),
            ("3.5% fat", 0.1, 1.12, blue),
            ("1 litre", 0.11, 0.55, white),
        ):
            text = prints.lettering(words, size, ink)
            marks.append(shapes.place(text, (0, -side - 3 * gap, height), (90, 0, 0)))
        parts.append(shapes.group(marks, (0, 0, 0), (0, 0, turn)))
    shapes.group(parts, (0, 0, 0), (0, 0, -30))
    scene.table("board")
    scene.wall(9, materials.plain("wall", (0.34, 0.38, 0.4), roughness=0.9))
    scene.product_light(2.0)
    scene.camera((0.3, -6.6, 3.3), (0, 0, 1.28), focal_mm=82)


def wood_planks() -> None:
    """Offcuts of sawn boards in a loose pile on concrete."""
    rng = random.Random(5)
    tones = [
        ((0.62, 0.41, 0.2), (0.38, 0.2, 0.08)),
        ((0.55, 0.36, 0.19), (0.3, 0.16, 0.07)),
        ((0.5, 0.36, 0.22), (0.27, 0.17, 0.09)),
    ]
    heap = [
        (0, -0.95, 0.11, 2),
        (0.3, 0.1, 0.11, -1),
        (-0.2, 1.15, 0.11, 1),
        (-0.3, -0.5, 0.32, 7),
        (0.4, 0.75, 0.32, -4),
        (0.1, 0.1, 0.53, 38),
    ]
    for index, (x, y, z, turn) in enumerate(heap):
        light, dark = tones[index % 3]
        board = materials.wood(f"board {index}", light, dark, rings=8 + 2 * index)
        length = rng.uniform(3.4, 4.6)
        plank = shapes.box("plank", (length, 0.85, 0.2), (0, 0, 0), board, bevel=0.015)
        # Each plank is cut from another part of the trunk, so the rings must not repeat.
        trunk = Vector((0, 0.3 * index - 0.8, 0.5 + 0.21 * index))
        plank.data.transform(Matrix.Translation(trunk))
        plank.location = -trunk
        shapes.group([plank], (x, y, z), (0, 0, turn))
    scene.table("concrete")
    scene.product_light(0.4, power=1.3)
    scene.camera((1.4, -6.2, 5.4), (0.1, 0.0, 0.3), focal_mm=66, fstop=0.8)


SUBJECTS = {
    "cardboard_box_open": cardboard_box_open,
    "paper_crumpled": paper_crumpled,
    "paper_printed": paper_printed,
    "drink_carton_milk": drink_carton_milk,
    "wood_planks": wood_planks,
}
