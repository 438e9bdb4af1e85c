"""Drink cans and a food tin. Sizes in decimetres."""

import math

import bpy
from mathutils import Matrix, Vector

from . import materials, prints, scene, shapes

Object = bpy.types.Object


def _drink_can(body_color: tuple[float, float, float], brand: str) -> list[Object]:
    """Build a 0.33 l drink can (12.2 cm high) with a printed body and a pull tab."""
    metal = materials.plain("aluminium", (0.86, 0.87, 0.88), roughness=0.22, metallic=1.0)
    paint = materials.plain("paint", body_color, roughness=0.25, metallic=0.45, clearcoat=0.5)
    white = materials.plain("white print", (0.85, 0.85, 0.85), roughness=0.3)
    dark = materials.plain("opening", (0.03, 0.03, 0.03), roughness=0.5)
    ends = shapes.lathe(
        "ends",
        shapes.rounded(
            [
                (0, 0.07, 0),
                (0.2, 0.06, 0.04),
                (0.245, 0.0, 0.02),
                (0.262, 0.0, 0.02),
                (0.33, 0.1, 0.05),
                (0.33, 0.13, 0),
            ]
        ),
        metal,
    )
    lid = shapes.lathe(
        "lid",
        shapes.rounded(
            [
                (0.33, 1.04, 0),
                (0.33, 1.08, 0.04),
                (0.272, 1.17, 0.03),
                (0.28, 1.195, 0.01),
                (0.272, 1.215, 0.01),
                (0.258, 1.21, 0.01),
                (0.245, 1.145, 0.01),
                (0.23, 1.14, 0.01),
                (0.225, 1.16, 0.01),
                (0, 1.16, 0),
            ]
        ),
        metal,
    )
    rows = 60
    body = shapes.lathe("body", [(0.3305, 0.1 + 0.97 * k / rows) for k in range(rows + 1)], paint)
    shoulder = shapes.lathe(
        "shoulder",
        shapes.rounded([(0.3305, 1.06, 0), (0.3305, 1.085, 0.03), (0.285, 1.155, 0)]),
        paint,
    )
    outline = [
        (0.075 * math.cos(a / 12 * math.pi), 0.1 * math.sin(a / 12 * math.pi)) for a in range(24)
    ]
    hole = shapes.place(prints.patch(outline, dark), (0, -0.11, 1.1615))
    tab = shapes.slab("tab", 0.13, 0.24, 0.012, 0.06, metal)
    shapes.place(tab, (0, 0.05, 1.168), (-4, 0, 0))
    tab_hole = prints.patch([(x * 0.5, y * 0.4) for x, y in outline], dark)
    shapes.place(tab_hole, (0, 0.1, 1.181), (-4, 0, 0))
    radius = 0.3305 + prints.PRINT_GAP
    band = prints.wave_band(radius, 0.27, 0.36, 0.06, white)
    parts = [ends, lid, body, shoulder, hole, tab, tab_hole, band]
    for angle in (0, 180):
        text = prints.lettering(brand, 0.34, white, bold=0.008)
        text.data.transform(_turned(90))
        parts.append(prints.wrap(text, radius, 0.68, angle_deg=angle - 8))
        for line, height in (("ORIGINAL TASTE", 0.56), ("330 ml", 0.48)):
            small = prints.lettering(line, 0.055, white)
            parts.append(prints.wrap(small, radius, height, angle_deg=angle + 55))
    return parts


def _turned(angle_deg: float) -> Matrix:
    """Return a rotation in the plane of a print."""
    return Matrix.Rotation(math.radians(angle_deg), 4, "Z")


def aluminum_can_cola() -> None:
    """A red drink can standing on a wooden table."""
    shapes.group(_drink_can((0.55, 0.008, 0.012), "Cola"), (0, 0, 0), (0, 0, 12))
    scene.table("light_wood")
    scene.product_light(1.2)
    scene.camera((0.4, -4.2, 2.3), (0, 0, 0.58), focal_mm=104)


def aluminum_can_crushed() -> None:
    """A crushed green drink can lying on concrete."""
    parts = _drink_can((0.01, 0.16, 0.05), "Lime")
    crease = shapes.creases(4, 14, 0.45)

    def crush(spot: Vector) -> Vector:
        middle = math.exp(-(((spot.z - 0.58) / 0.3) ** 2))
        rough = math.exp(-(((spot.z - 0.58) / 0.4) ** 4))
        fold = crease(Vector((spot.x, spot.y, spot.z)))
        out = spot.copy()
        out.y *= 1 - 0.62 * middle
        out.x *= 1 + 0.16 * middle
        out.y += 0.16 * middle * math.sin(spot.z * 9)
        radial = Vector((spot.x, spot.y, 0))
        out += radial * (0.32 * rough * fold)
        out.z = spot.z - 0.22 * (spot.z - 0.2) * (1 - 0.6 * spot.x / 0.33) * (spot.z > 0.2)
        return out

    for part in parts:
        part.data.transform(part.matrix_basis)
        shapes.place(part, (0, 0, 0))
    shapes.deform(parts, crush)
    shapes.settle(shapes.group(parts, (-0.5, 0.1, 0.3), (84, 8, 62)))
    scene.table("concrete")
    scene.product_light(0.6)
    scene.camera((0.3, -3.6, 2.8), (0.05, 0, 0.25), focal_mm=120)


def food_can_open() -> None:
    """A ribbed steel tin, opened, with its lid bent up."""
    steel = materials.mottled(
        "steel", (0.5, 0.49, 0.47), (0.68, 0.68, 0.67), scale=3, roughness=0.27, metallic=1.0
    )
    inside = materials.plain("lacquer", (0.75, 0.68, 0.5), roughness=0.3, metallic=0.9)
    radius, height = 0.37, 1.1
    outer = [(0, 0.03), (0.34, 0.03), (0.345, 0.0), (0.378, 0.0), (0.378, 0.03), (radius, 0.045)]
    for k in range(121):
        z = 0.06 + k * (height - 0.12) / 120
        ribbed = 0.2 < z < 0.9
        outer.append((radius - (0.008 * (1 + math.cos(z * 95)) if ribbed else 0), z))
    outer += [(radius, height - 0.045), (0.38, height - 0.03), (0.38, height), (0.366, height)]
    can = shapes.lathe("can", outer, steel, smooth_deg=50)
    lining = shapes.lathe(
        "lining", [(0.366, height), (0.355, 1.03), (0.352, 0.05), (0, 0.05)], inside
    )
    rings = [(0.0, 0.0)]
    for ring in (0.16, 0.24, 0.31):
        rings += [(ring - 0.02, 0), (ring, 0.012), (ring + 0.02, 0)]
    lid = shapes.lathe(
        "lid",
        [
            *rings,
            (0.35, 0),
            (0.352, -0.006),
            (0.34, -0.012),
            *[(r, z - 0.012) for r, z in rings[::-1]],
        ],
        steel,
    )
    lid.data.transform(_lifted(0.35))
    shapes.place(lid, (0, 0.35, height - 0.01), (-108, 0, 0))
    label = prints.paper_label(
        0.374,
        0.2,
        0.9,
        80,
        [("TOMATO", 0.15, 0.42), ("SOUP", 0.13, 0.26), ("400 g", 0.06, 0.13)],
        ((0.6, 0.03, 0.02), (0.85, 0.82, 0.7)),
    )
    shapes.group([can, lining, lid, *label], (0, 0, 0), (0, 0, -22))
    scene.table("board")
    scene.product_light(1.0)
    scene.camera((0.3, -4.3, 2.9), (0, 0, 0.92), focal_mm=78)


def _lifted(radius: float) -> Matrix:
    """Return a shift that puts a disc's hinge at the origin."""
    return Matrix.Translation((0, -radius, 0))


SUBJECTS = {
    "aluminum_can_cola": aluminum_can_cola,
    "aluminum_can_crushed": aluminum_can_crushed,
    "food_can_open": food_can_open,
}
