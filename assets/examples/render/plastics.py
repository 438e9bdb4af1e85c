"""A PET bottle, a detergent bottle and a coffee cup. Sizes in decimetres."""

import math

from mathutils import Vector

from . import materials, prints, scene, shapes


def plastic_bottle_water() -> None:
    """A clear ribbed PET water bottle with a blue cap and label."""
    shell = materials.film("PET", (0.94, 0.97, 0.99), haze=0.1)
    blue = materials.plain("cap", (0.01, 0.1, 0.5), roughness=0.35)
    ribs: list[tuple[float, float, float]] = []
    for k in range(4):
        low = 0.16 + k * 0.13
        ribs += [(0.325, low, 0.03), (0.3, low + 0.04, 0.03), (0.325, low + 0.08, 0.03)]
    upper: list[tuple[float, float, float]] = []
    for k in range(3):
        low = 1.3 + k * 0.13
        upper += [(0.325, low, 0.03), (0.298, low + 0.045, 0.03), (0.325, low + 0.09, 0.03)]
    profile = shapes.rounded(
        [
            (0, 0.08, 0),
            (0.14, 0.06, 0.05),
            (0.2, 0.0, 0.04),
            (0.27, 0.0, 0.05),
            (0.325, 0.08, 0.05),
            *ribs,
            (0.315, 0.68, 0.02),
            (0.315, 1.24, 0.02),
            *upper,
            (0.325, 1.7, 0.2),
            (0.125, 2.04, 0.15),
            (0.125, 2.1, 0),
            (0.165, 2.105, 0.01),
            (0.165, 2.125, 0.01),
            (0.12, 2.13, 0),
            (0.12, 2.2, 0),
        ]
    )
    body = shapes.lathe("body", profile, shell)
    feet_angle = 2 * math.pi / 5

    def dent(spot: Vector) -> Vector:
        """Press five feet into the base and a thumb dent into one side."""
        out = spot.copy()
        angle = math.atan2(spot.y, spot.x)
        if spot.z < 0.09:
            out.z += 0.05 * (0.5 + 0.5 * math.cos(angle / feet_angle * 2 * math.pi))
        pull = (
            0.16 * math.exp(-(((spot.z - 1.42) / 0.22) ** 2)) * max(0, math.cos(angle + 0.5)) ** 3
        )
        return out - Vector((spot.x, spot.y, 0)) * pull

    shapes.deform([body], dent)
    water = materials.film("water", (0.9, 0.95, 0.97), haze=0.03)
    rest = shapes.lathe(
        "water", [(0, 0.1), (0.27, 0.1), (0.29, 0.2), (0.29, 0.32), (0, 0.32)], water
    )
    cap = shapes.lathe(
        "cap",
        shapes.rounded([(0.152, 2.13, 0), (0.152, 2.3, 0.02), (0, 2.3, 0)]),
        blue,
        segments=72,
    )

    def knurl(spot: Vector) -> Vector:
        grip = 1 + (0.02 * math.cos(36 * math.atan2(spot.y, spot.x)) if spot.z < 2.28 else 0)
        return Vector((spot.x * grip, spot.y * grip, spot.z))

    shapes.deform([cap], knurl)
    label_blue = materials.plain("label", (0.03, 0.2, 0.6), roughness=0.35)
    white = materials.plain("white", (0.85, 0.88, 0.9), roughness=0.4)
    sleeve = shapes.lathe("label", [(0.318, 0.7), (0.318, 1.22)], label_blue)
    parts = [body, rest, cap, sleeve, prints.wave_band(0.32, 0.74, 0.82, 0.025, white)]
    for angle in (0, 180):
        name = prints.lettering("AQUA", 0.24, white, bold=0.006)
        parts.append(prints.wrap(name, 0.322, 1.06, angle_deg=angle))
        small = prints.lettering("natural spring water 0.5 l", 0.058, white)
        parts.append(prints.wrap(small, 0.322, 0.915, angle_deg=angle))
    shapes.group(parts, (0, 0, 0), (0, 0, 8))
    scene.table("dark_wood")
    scene.wall(7, materials.plain("wall", (0.3, 0.32, 0.33), roughness=0.9))
    scene.product_light(2.2)
    scene.camera((0.5, -6.0, 2.2), (0, 0, 1.14), focal_mm=82)


def disposable_cup_coffee() -> None:
    """A paper coffee cup with a brown sleeve and a white lid."""
    white = materials.plain("paper", (0.82, 0.81, 0.78), roughness=0.6)
    kraft = materials.mottled(
        "kraft", (0.28, 0.16, 0.08), (0.36, 0.22, 0.12), scale=9, roughness=0.85, bump=0.01
    )
    lid_white = materials.plain("lid", (0.85, 0.85, 0.84), roughness=0.35)
    ink = materials.plain("ink", (0.05, 0.02, 0.01), roughness=0.7)
    cup = shapes.lathe("cup", [(0, 0.03), (0.28, 0.03), (0.285, 0), (0.295, 0), (0.43, 1.2)], white)
    sleeve = shapes.lathe(
        "sleeve", [(0.338, 0.34), (0.343, 0.34), (0.408, 0.94), (0.402, 0.94)], kraft
    )
    lid = shapes.lathe(
        "lid",
        shapes.rounded(
            [
                (0.428, 1.14, 0),
                (0.448, 1.14, 0.01),
                (0.452, 1.2, 0.02),
                (0.44, 1.23, 0.01),
                (0.405, 1.24, 0.02),
                (0.395, 1.34, 0.03),
                (0.37, 1.345, 0.02),
                (0.35, 1.27, 0.02),
                (0, 1.27, 0),
            ]
        ),
        lid_white,
    )
    sip = prints.patch(
        [(0.045 * math.cos(a * math.pi / 8), 0.02 * math.sin(a * math.pi / 8)) for a in range(16)],
        ink,
    )
    shapes.place(sip, (0, -0.3, 1.295), (0, 0, 0))
    words = [
        prints.lettering("COFFEE", 0.19, ink, bold=0.004),
        prints.lettering("freshly roasted", 0.075, ink),
    ]
    prints.wrap(words[0], 0.38, 0.66)
    prints.wrap(words[1], 0.38, 0.5)

    def taper(spot: Vector) -> Vector:
        radius = 0.3445 + (spot.z - 0.34) / 0.6 * 0.065
        return Vector((spot.x / 0.38 * radius, spot.y / 0.38 * radius, spot.z))

    shapes.deform(words, taper)
    shapes.group([cup, sleeve, lid, sip, *words], (0, 0, 0), (0, 0, 8))
    scene.table("dark_wood")
    scene.wall(9, materials.plain("wall", (0.4, 0.36, 0.32), roughness=0.9))
    scene.product_light(1.4)
    scene.camera((0.4, -4.9, 2.3), (0, 0, 0.67), focal_mm=100)


def detergent_bottle_laundry() -> None:
    """A white flat-sided detergent bottle with a blue measuring cap."""
    hdpe = materials.plain("HDPE", (0.02, 0.16, 0.55), roughness=0.33)
    cap_red = materials.plain("cap", (0.75, 0.3, 0.01), roughness=0.35)
    white = materials.plain("white", (0.85, 0.86, 0.87), roughness=0.35)
    yellow = materials.plain("yellow", (0.85, 0.55, 0.02), roughness=0.4)
    ink = materials.plain("ink", (0.01, 0.06, 0.35), roughness=0.4)

    def waist(z: float) -> float:
        return 1 - 0.1 * math.exp(-(((z - 1.35) / 0.3) ** 2))

    sections = [(0.0, 0.6, 0.34, 3.2), (0.02, 0.66, 0.38, 3.2), (0.08, 0.68, 0.4, 3.2)]
    sections += [(z, 0.68 * waist(z), 0.4, 3.0) for z in (0.12 + 0.06 * k for k in range(27))]
    for k in range(1, 13):
        t = k / 12
        ease = t * t * (3 - 2 * t)
        sections.append((1.7 + 0.5 * t, 0.66 - 0.46 * ease, 0.4 - 0.2 * ease, 3.0 - ease))
    sections.append((2.32, 0.2, 0.2, 2))
    body = shapes.loft("body", sections, hdpe)
    cap = shapes.lathe(
        "cap",
        shapes.rounded(
            [
                (0.25, 2.22, 0),
                (0.25, 2.26, 0.01),
                (0.235, 2.27, 0.01),
                (0.215, 2.68, 0.04),
                (0, 2.68, 0),
            ]
        ),
        cap_red,
        segments=96,
    )

    def flute(spot: Vector) -> Vector:
        grip = 1 + (0.02 * math.cos(24 * math.atan2(spot.y, spot.x)) if 2.28 < spot.z < 2.6 else 0)
        return Vector((spot.x * grip, spot.y * grip, spot.z))

    shapes.deform([cap], flute)

    def front(spot: Vector) -> Vector:
        """Follow the bulging front of the bottle; spot.z is the distance above it."""
        width = 0.68 * waist(spot.y)
        share = min(abs(spot.x) / width, 0.999)
        depth = 0.4 * (1 - share**3.0) ** (1 / 3.0)
        return Vector((spot.x, -depth - 0.003 - spot.z, spot.y))

    ellipse = [
        (0.5 * math.cos(a * math.pi / 24), 0.55 * math.sin(a * math.pi / 24)) for a in range(48)
    ]
    burst = [
        (r * math.cos(a * math.pi / 16), r * math.sin(a * math.pi / 16))
        for a in range(32)
        for r in [0.44 if a % 2 else 0.36]
    ]
    marks = [
        prints.drape(prints.patch(ellipse, white), (0, 0.86, 0.0), front, 0.03),
        prints.drape(prints.patch(burst, yellow), (0, 0.98, 0.003), front, 0.03),
        prints.drape(
            prints.lettering("FRESH", 0.27, ink, bold=0.006), (0, 1.0, 0.006), front, 0.03
        ),
        prints.drape(prints.lettering("LAUNDRY", 0.12, ink), (0, 0.56, 0.006), front, 0.03),
        prints.drape(
            prints.lettering("detergent 1.5 l", 0.075, ink), (0, 0.45, 0.006), front, 0.03
        ),
    ]
    shapes.group([body, cap, *marks], (0, 0, 0), (0, 0, 16))
    scene.table("board")
    scene.wall(9, materials.plain("wall", (0.55, 0.56, 0.55), roughness=0.9))
    scene.product_light(2.4)
    scene.camera((0.4, -7.4, 2.9), (0, 0, 1.33), focal_mm=84)


SUBJECTS = {
    "plastic_bottle_water": plastic_bottle_water,
    "disposable_cup_coffee": disposable_cup_coffee,
    "detergent_bottle_laundry": detergent_bottle_laundry,
}
