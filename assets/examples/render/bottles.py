"""Glass bottles and a jar. Sizes in decimetres."""

import bpy

from . import materials, prints, scene, shapes

Object = bpy.types.Object


def _bottle(
    profile: list[tuple[float, float, float]], wall: float, tint: tuple[float, float, float]
) -> Object:
    """Turn a glass bottle: the outer profile, and the same moved inwards by the wall."""
    outer = shapes.rounded(profile)
    inner = [(max(r - wall, 0.0), z + (wall * 1.5 if z < 0.2 else 0)) for r, z in outer[::-1]]
    return shapes.lathe("glass", outer + inner, materials.glass("glass", tint), segments=128)


def glass_bottle_wine() -> None:
    """An empty green wine bottle with a cream label."""
    profile = [
        (0, 0.14, 0),
        (0.22, 0.05, 0.1),
        (0.27, 0.0, 0.02),
        (0.385, 0.0, 0.06),
        (0.385, 1.95, 0.25),
        (0.15, 2.32, 0.25),
        (0.14, 2.86, 0),
        (0.165, 2.865, 0.01),
        (0.165, 2.93, 0.01),
        (0.14, 2.935, 0),
        (0.135, 3.0, 0.02),
        (0.1, 3.0, 0),
    ]
    parts = [_bottle(profile, 0.035, (0.3, 0.62, 0.2))]
    parts += prints.paper_label(
        0.388,
        0.5,
        1.45,
        88,
        [
            ("CHATEAU", 0.17, 0.7),
            ("du Moulin", 0.19, 0.5),
            ("Grand Vin Rouge", 0.09, 0.32),
            ("2019   75 cl   13% vol", 0.06, 0.17),
        ],
        ((0.78, 0.72, 0.58), (0.12, 0.02, 0.03)),
    )
    shapes.group(parts, (0, 0, 0), (0, 0, 10))
    scene.table("light_wood")
    scene.wall(9, materials.plain("wall", (0.62, 0.6, 0.56), roughness=0.9))
    scene.product_light(3.0)
    scene.camera((0.6, -7.6, 2.5), (0, 0, 1.48), focal_mm=80)


def glass_bottle_beer() -> None:
    """A brown beer bottle with a crown-less mouth, lying on a white board."""
    profile = [
        (0, 0.06, 0),
        (0.2, 0.03, 0.05),
        (0.24, 0.0, 0.02),
        (0.305, 0.0, 0.05),
        (0.305, 1.2, 0.3),
        (0.15, 1.62, 0.3),
        (0.13, 2.1, 0),
        (0.15, 2.105, 0.01),
        (0.15, 2.17, 0.01),
        (0.132, 2.18, 0),
        (0.13, 2.27, 0.02),
        (0.09, 2.27, 0),
    ]
    parts = [_bottle(profile, 0.03, (0.66, 0.3, 0.06))]
    parts += prints.paper_label(
        0.308,
        0.35,
        1.0,
        95,
        [("LAGER", 0.22, 0.36), ("PREMIUM BEER", 0.085, 0.2), ("0.33 l   4.9% vol", 0.05, 0.11)],
        ((0.8, 0.76, 0.66), (0.02, 0.08, 0.25)),
    )
    shapes.group(parts, (-0.95, 0.5, 0.308), (-90, 28, -118))
    scene.table("board")
    scene.product_light(0.6)
    scene.camera((0.2, -4.6, 4.4), (0.05, 0, 0.2), focal_mm=86)


def glass_jar_lid() -> None:
    """An empty preserving jar with a gold screw lid."""
    profile = [
        (0, 0.06, 0),
        (0.25, 0.04, 0.05),
        (0.3, 0.0, 0.02),
        (0.4, 0.0, 0.08),
        (0.41, 0.1, 0.05),
        (0.41, 0.88, 0.15),
        (0.34, 1.0, 0.08),
        (0.34, 1.17, 0.02),
        (0.31, 1.17, 0),
    ]
    jar = _bottle(profile, 0.028, (0.96, 0.985, 0.975))
    gold = materials.plain("gold lid", (0.8, 0.55, 0.2), roughness=0.28, metallic=1.0)
    lid = shapes.lathe(
        "lid",
        shapes.rounded(
            [
                (0.35, 1.03, 0),
                (0.368, 1.03, 0.01),
                (0.368, 1.06, 0.01),
                (0.358, 1.07, 0.01),
                (0.358, 1.18, 0.02),
                (0.34, 1.2, 0.02),
                (0.31, 1.185, 0.02),
                (0.29, 1.19, 0.02),
                (0, 1.19, 0),
            ]
        ),
        gold,
    )
    parts = [jar, lid]
    parts += prints.paper_label(
        0.413,
        0.3,
        0.74,
        62,
        [("Strawberry", 0.15, 0.27), ("JAM", 0.13, 0.14)],
        ((0.82, 0.8, 0.72), (0.45, 0.02, 0.03)),
    )
    shapes.group(parts, (0, 0, 0), (0, 0, -8))
    scene.table("light_wood")
    scene.wall(8, materials.plain("wall", (0.5, 0.5, 0.48), roughness=0.9))
    scene.product_light(1.4)
    scene.camera((0.4, -4.6, 2.2), (0, 0, 0.6), focal_mm=100)


SUBJECTS = {
    "glass_bottle_wine": glass_bottle_wine,
    "glass_bottle_beer": glass_bottle_beer,
    "glass_jar_lid": glass_jar_lid,
}
