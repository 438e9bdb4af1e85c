"""Food leftovers and a landscape without any waste. Sizes in decimetres."""

import math
import random

from mathutils import Vector

from . import materials, scene, shapes


def food_waste_banana() -> None:
    """A banana peel: four limp strips of skin around a stem."""
    skin = materials.mottled(
        "skin",
        (0.35, 0.2, 0.02),
        (0.8, 0.55, 0.04),
        scale=2.2,
        contrast=0.12,
        roughness=0.45,
        bump=0.01,
    )
    pith = materials.mottled(
        "pith", (0.7, 0.6, 0.36), (0.8, 0.73, 0.5), scale=5, roughness=0.7, bump=0.02
    )
    stem_color = materials.mottled(
        "stem", (0.1, 0.06, 0.02), (0.4, 0.28, 0.05), scale=4, roughness=0.6
    )
    for index, turn in enumerate((10, 98, 185, 275)):
        length = (1.75, 1.5, 1.65, 1.45)[index]
        outer = shapes.grid("skin", 1, 1, 60, skin)
        inner = shapes.grid("pith", 1, 1, 60, pith)

        def strip(spot: Vector, lift: float, length=length, index=index) -> Vector:
            """Run along the strip from the stem (t = 0) over a hump to a tip on the table."""
            t = spot.x + 0.5
            width = 0.3 * (0.35 + 1.6 * t * (1 - t)) * (1 - 0.55 * t**6)
            across = spot.y * 2 * width
            along = 0.06 + length * t * (0.72 + 0.28 * t)
            height = 0.52 * math.exp(-((t / 0.36) ** 2)) + 0.05
            height += 0.09 * math.exp(-(((t - 0.72) / 0.16) ** 2)) * (1 + 0.4 * math.sin(index * 2))
            arch = -0.42 * spot.y**2 * (1 - 0.5 * t)
            sway = 0.14 * math.sin(2.2 * t + index * 1.9) * t
            wrinkle = 0.02 * shapes.wander(Vector((along, across, index)), 5.0)
            return Vector((along, across + sway, max(0.012, height + arch * 0.35 + wrinkle) + lift))

        shapes.deform([outer], lambda spot, strip=strip: strip(spot, 0.035))
        shapes.deform([inner], lambda spot, strip=strip: strip(spot, 0.0))
        shapes.group([outer, inner], (0, 0, 0), (0, 0, turn))
    stem = shapes.loft(
        "stem",
        [(0.45, 0.13, 0.13, 2), (0.6, 0.1, 0.1, 3), (0.8, 0.07, 0.07, 4), (1.02, 0.075, 0.07, 4)],
        stem_color,
    )
    shapes.deform([stem], lambda spot: spot + Vector((0.25 * max(0, spot.z - 0.5) ** 2, 0, 0)))
    scene.table("board")
    scene.product_light(0.3)
    scene.camera((0.4, -5.2, 4.0), (0.05, 0, 0.22), focal_mm=66)


def food_waste_apple_core() -> None:
    """An eaten apple: skin at both ends, a brown-edged core between."""
    skin = materials.mottled(
        "skin",
        (0.45, 0.02, 0.015),
        (0.6, 0.2, 0.03),
        scale=2.5,
        stretch=(1, 1, 0.3),
        roughness=0.25,
    )
    flesh = materials.mottled(
        "flesh",
        (0.5, 0.3, 0.1),
        (0.78, 0.66, 0.38),
        scale=2.6,
        roughness=0.55,
        bump=0.04,
        contrast=0.2,
    )
    twig = materials.plain("twig", (0.1, 0.05, 0.02), roughness=0.8)
    seed_color = materials.plain("seed", (0.06, 0.02, 0.01), roughness=0.3)

    def skin_radius(z: float) -> float:
        u = max(-1.0, min(1.0, (z - 0.36) / 0.36))
        return 0.42 * math.sqrt(max(0.0, 1 - abs(u) ** 2.6)) * (0.9 + 0.1 * u)

    heights = [0.72 * k / 90 for k in range(91)]
    core = [(0.0, 0.0)]
    core += [
        (
            min(skin_radius(z), 0.15 + 0.34 * (abs(z - 0.36) / 0.36) ** 2.5)
            if 0.02 < z < 0.7
            else skin_radius(z),
            z,
        )
        for z in heights
    ]
    body = shapes.lathe("core", core[1:], flesh, segments=120)
    body.data.materials.append(skin)

    def bitten(spot: Vector) -> Vector:
        if abs(spot.z - 0.36) > 0.26:
            return spot
        angle = math.atan2(spot.y, spot.x)
        bite = 0.035 * abs(math.sin(2.5 * angle + 6 * spot.z)) + 0.02 * shapes.wander(spot, 9)
        return spot + Vector((spot.x, spot.y, 0)).normalized() * bite

    for polygon in body.data.polygons:
        spot = polygon.center
        rough = 0.02 * math.sin(5 * math.atan2(spot.y, spot.x)) + 0.015 * shapes.wander(spot, 8)
        on_skin = math.hypot(spot.x, spot.y) > skin_radius(spot.z) - 0.02 + rough
        polygon.material_index = 1 if on_skin and abs(spot.z - 0.36) > 0.17 else 0
    shapes.deform([body], bitten)
    stalk = shapes.lathe(
        "stalk", [(0.018, 0.66), (0.014, 0.8), (0.022, 0.94), (0, 0.95)], twig, segments=16
    )
    shapes.deform([stalk], lambda spot: spot + Vector((0.4 * (spot.z - 0.66) ** 2, 0, 0)))
    seed = shapes.ball("seed", 0.045, 4, seed_color)
    shapes.place(seed, (-0.08, -0.14, 0.38))
    seed.scale = (0.6, 0.5, 1.2)
    shapes.settle(shapes.group([body, stalk, seed], (0, 0, 0), (14, 8, 40)))
    scene.table("light_wood")
    scene.product_light(0.3)
    scene.camera((0.2, -3.1, 1.5), (0, 0, 0.42), focal_mm=82)


def not_waste_landscape() -> None:
    """Green hills with fir trees under a clear sky: no waste anywhere."""
    rng = random.Random(11)
    grass = materials.mottled(
        "grass", (0.03, 0.075, 0.012), (0.11, 0.17, 0.03), scale=0.22, roughness=0.95, bump=0.4
    )
    rock = materials.mottled(
        "rock", (0.12, 0.13, 0.15), (0.5, 0.52, 0.56), scale=0.03, roughness=0.9, bump=2.0
    )
    needles = materials.mottled(
        "needles", (0.008, 0.025, 0.01), (0.03, 0.07, 0.02), scale=1.4, roughness=0.9, bump=0.3
    )
    bark = materials.plain("bark", (0.06, 0.035, 0.02), roughness=0.9)

    def ground(spot: Vector) -> Vector:
        flat = Vector((spot.x, spot.y, 0))
        rise = 5 * shapes.wander(flat, 0.018, 3) + 1.2 * shapes.wander(flat, 0.07, 9)
        return Vector((spot.x, spot.y, rise + 0.05 * max(0.0, spot.y + 40)))

    def mountain(spot: Vector) -> Vector:
        flat = Vector((spot.x, spot.y, 0))
        ridges = sum(
            (1 - abs(shapes.wander(flat, 0.006 * 2**k, 5 + k))) ** 2 / 2**k for k in range(6)
        )
        return Vector(
            (spot.x, spot.y, 62 * (ridges - 0.75) * math.exp(-((spot.y / 130) ** 2)) - 12)
        )

    hills = shapes.grid("hills", 400, 300, 160, grass)
    shapes.deform([hills], ground)
    peaks = shapes.grid("peaks", 1000, 320, 260, rock)
    shapes.deform([peaks], mountain)
    peaks.data.auto_smooth_angle = 0.3
    shapes.place(peaks, (0, 330, 0))
    for _ in range(130):
        spot = ground(Vector((rng.uniform(-75, 75), rng.uniform(-40, 130), 0)))
        if abs(spot.x) < 7 and spot.y < -10:
            continue
        height = rng.uniform(5, 9)
        profile: list[tuple[float, float]] = []
        for tier in range(9):
            low = height * (0.12 + 0.095 * tier)
            wide = height * 0.2 * (1 - tier / 9.5)
            profile += [
                (wide * 0.45, low),
                (wide, low - height * 0.03),
                (wide * 0.5, low + height * 0.07),
            ]
        fir = shapes.lathe("fir", [*profile, (0, height)], needles, segments=22)
        jag = rng.uniform(0, 9)
        shapes.deform(
            [fir], lambda p, jag=jag: p * (1 + 0.22 * shapes.wander(p, 1.9, jag)) if p.z > 0 else p
        )
        trunk = shapes.lathe("trunk", [(0.22, -1.0), (0.16, height * 0.3)], bark, segments=10)
        shapes.group([fir, trunk], (spot.x, spot.y, spot.z), (0, 0, rng.uniform(0, 360)))
    scene.daylight(28, 130, 0.075)
    scene.camera((0, -78, 9.5), (0, 60, 14), focal_mm=34, fstop=8)


SUBJECTS = {
    "food_waste_banana": food_waste_banana,
    "food_waste_apple_core": food_waste_apple_core,
    "not_waste_landscape": not_waste_landscape,
}
