"""Mesh builders: turned profiles, lofts, bevelled boxes, folds and dents."""

import math
import random
from collections.abc import Callable, Sequence

import bmesh
import bpy
from mathutils import Matrix, Vector, noise

Material = bpy.types.Material
Object = bpy.types.Object
Vec3 = tuple[float, float, float]


def add_mesh(name: str, mesh: bpy.types.Mesh, material: Material, smooth_deg: float) -> Object:
    """Link a mesh into the scene; edges sharper than smooth_deg stay sharp, 0 is all flat."""
    mesh.materials.append(material)
    for polygon in mesh.polygons:
        polygon.use_smooth = smooth_deg > 0
    mesh.use_auto_smooth = True
    mesh.auto_smooth_angle = math.radians(smooth_deg)
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(obj)
    return obj


def from_faces(
    name: str,
    points: Sequence[Vec3],
    faces: Sequence[Sequence[int]],
    material: Material,
    smooth_deg: float = 40.0,
) -> Object:
    """Make an object from vertices and faces, welding vertices that coincide."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points, [], faces)
    work = bmesh.new()
    work.from_mesh(mesh)
    bmesh.ops.remove_doubles(work, verts=work.verts, dist=1e-5)
    bmesh.ops.recalc_face_normals(work, faces=work.faces)
    work.to_mesh(mesh)
    work.free()
    return add_mesh(name, mesh, material, smooth_deg)


def rounded(
    points: Sequence[tuple[float, float, float]], steps: int = 8
) -> list[tuple[float, float]]:
    """Round the corners of a polyline.

    Args:
        points: (x, y, radius) per corner; the radius is cut to half of the shorter side.

    Returns:
        (x, y) points; each rounded corner is a quadratic Bezier curve of `steps` pieces.
    """
    path: list[tuple[float, float]] = []
    for index, (x, y, radius) in enumerate(points):
        if radius == 0 or index in (0, len(points) - 1):
            path.append((x, y))
            continue
        corner = Vector((x, y))
        before = Vector(points[index - 1][:2]) - corner
        after = Vector(points[index + 1][:2]) - corner
        start = corner + before.normalized() * min(radius, before.length / 2)
        end = corner + after.normalized() * min(radius, after.length / 2)
        for step in range(steps + 1):
            t = step / steps
            spot = start * (1 - t) ** 2 + corner * 2 * t * (1 - t) + end * t**2
            path.append((spot.x, spot.y))
    return path


def lathe(
    name: str,
    profile: Sequence[tuple[float, float]],
    material: Material,
    *,
    segments: int = 96,
    smooth_deg: float = 40.0,
) -> Object:
    """Turn a profile of (radius, height) points around the z axis."""
    points = [
        (r * math.cos(2 * math.pi * s / segments), r * math.sin(2 * math.pi * s / segments), z)
        for r, z in profile
        for s in range(segments)
    ]
    faces = [
        (
            row * segments + s,
            row * segments + (s + 1) % segments,
            (row + 1) * segments + (s + 1) % segments,
            (row + 1) * segments + s,
        )
        for row in range(len(profile) - 1)
        for s in range(segments)
    ]
    return from_faces(name, points, faces, material, smooth_deg)


def loft(
    name: str,
    sections: Sequence[tuple[float, float, float, float]],
    material: Material,
    *,
    segments: int = 96,
) -> Object:
    """Skin superellipse sections (height, half width, half depth, exponent); ends are closed."""

    def spot(z: float, a: float, b: float, n: float, angle: float) -> Vec3:
        c, s = math.cos(angle), math.sin(angle)
        x = a * math.copysign(abs(c) ** (2 / n), c)
        return (x, b * math.copysign(abs(s) ** (2 / n), s), z)

    points = [
        spot(*section, 2 * math.pi * (k + 0.5) / segments)
        for section in sections
        for k in range(segments)
    ]
    faces: list[Sequence[int]] = [
        (
            row * segments + k,
            row * segments + (k + 1) % segments,
            (row + 1) * segments + (k + 1) % segments,
            (row + 1) * segments + k,
        )
        for row in range(len(sections) - 1)
        for k in range(segments)
    ]
    faces.append(list(range(segments)))
    faces.append([(len(sections) - 1) * segments + k for k in range(segments)])
    return from_faces(name, points, faces, material)


def box(
    name: str,
    size: Vec3,
    center: Vec3,
    material: Material,
    *,
    bevel: float = 0.01,
    rotation_deg: Vec3 = (0, 0, 0),
) -> Object:
    """Add a box with rounded edges."""
    mesh = bpy.data.meshes.new(name)
    work = bmesh.new()
    bmesh.ops.create_cube(work, size=1.0, matrix=Matrix.Diagonal((*size, 1.0)))
    if bevel:
        bmesh.ops.bevel(
            work, geom=list(work.edges), offset=bevel, segments=3, profile=0.5, affect="EDGES"
        )
    work.to_mesh(mesh)
    work.free()
    obj = add_mesh(name, mesh, material, 35.0)
    return place(obj, center, rotation_deg)


def slab(
    name: str,
    width: float,
    depth: float,
    height: float,
    corner: float,
    material: Material,
    *,
    edge: float | None = None,
) -> Object:
    """Add a body with round corners in plan, standing on z = 0; edge defaults to height / 4."""
    half_w, half_d = width / 2, depth / 2
    corners = [(half_w, half_d), (-half_w, half_d), (-half_w, -half_d), (half_w, -half_d)]
    ring = [(x, y, corner) for x, y in corners]
    outline = rounded([ring[-1], *ring, ring[0]])[1:-1]
    mesh = bpy.data.meshes.new(name)
    work = bmesh.new()
    face = work.faces.new([work.verts.new((x, y, 0)) for x, y in outline])
    top = bmesh.ops.extrude_face_region(work, geom=[face])
    lifted = [item for item in top["geom"] if isinstance(item, bmesh.types.BMVert)]
    bmesh.ops.translate(work, verts=lifted, vec=(0, 0, height))
    bmesh.ops.recalc_face_normals(work, faces=work.faces)
    rims = [e for e in work.edges if abs(e.verts[0].co.z - e.verts[1].co.z) < 1e-6]
    bmesh.ops.bevel(
        work, geom=rims, offset=edge or height * 0.25, segments=4, profile=0.5, affect="EDGES"
    )
    work.to_mesh(mesh)
    work.free()
    return add_mesh(name, mesh, material, 35.0)


def place(obj: Object, location: Vec3, rotation_deg: Vec3 = (0, 0, 0)) -> Object:
    """Move and turn an object."""
    obj.location = location
    obj.rotation_euler = [math.radians(angle) for angle in rotation_deg]
    return obj


def group(parts: Sequence[Object], location: Vec3, rotation_deg: Vec3 = (0, 0, 0)) -> Object:
    """Move and turn several objects as one."""
    handle = bpy.data.objects.new("group", None)
    bpy.context.scene.collection.objects.link(handle)
    for part in parts:
        part.parent = handle
    return place(handle, location, rotation_deg)


def settle(handle: Object) -> Object:
    """Lower or raise a group until its lowest vertex touches the table (z = 0)."""
    bpy.context.view_layer.update()
    lowest = min(
        (part.matrix_world @ vertex.co).z
        for part in handle.children_recursive
        if part.type == "MESH"
        for vertex in part.data.vertices
    )
    handle.location.z -= lowest
    return handle


def deform(parts: Sequence[Object], rule: Callable[[Vector], Vector]) -> None:
    """Move every vertex (object space) by a rule."""
    for part in parts:
        for vertex in part.data.vertices:
            vertex.co = rule(vertex.co.copy())
        part.data.update()


def grid(name: str, width: float, depth: float, cells: int, material: Material) -> Object:
    """Add a finely divided flat sheet in the xy plane, centred at the origin."""
    points = [
        (width * (i / cells - 0.5), depth * (j / cells - 0.5), 0.0)
        for j in range(cells + 1)
        for i in range(cells + 1)
    ]
    row = cells + 1
    faces = [
        (j * row + i, j * row + i + 1, (j + 1) * row + i + 1, (j + 1) * row + i)
        for j in range(cells)
        for i in range(cells)
    ]
    return from_faces(name, points, faces, material, smooth_deg=180.0)


def ball(name: str, radius: float, detail: int, material: Material) -> Object:
    """Add an evenly divided sphere."""
    mesh = bpy.data.meshes.new(name)
    work = bmesh.new()
    bmesh.ops.create_icosphere(work, subdivisions=detail, radius=radius)
    work.to_mesh(mesh)
    work.free()
    return add_mesh(name, mesh, material, 180.0)


def creases(seed: int, count: int, reach: float) -> Callable[[Vector], float]:
    """Return a height in about [-1, 1] made of flat facets that meet in sharp random folds."""
    rng = random.Random(seed)
    folds = []
    for _ in range(count):
        normal = Vector((rng.gauss(0, 1), rng.gauss(0, 1), rng.gauss(0, 1))).normalized()
        folds.append((normal, rng.uniform(-reach, reach), rng.choice((-1, 1))))

    def height(spot: Vector) -> float:
        total = sum(sign * abs(normal.dot(spot) - offset) for normal, offset, sign in folds)
        return total / math.sqrt(count)

    return height


def crumpled(seed: int, folds: int = 8) -> Callable[[Vector], float]:
    """Return heights in about [-1, 1]: sums of zigzag folds, so flat facets all over."""
    rng = random.Random(seed)
    waves = []
    for _ in range(folds):
        normal = Vector((rng.gauss(0, 1), rng.gauss(0, 1), rng.gauss(0, 1))).normalized()
        waves.append((normal / rng.uniform(0.45, 1.3), rng.random()))

    def height(spot: Vector) -> float:
        bent = spot + 0.12 * noise.noise_vector(spot * 1.6)
        zigzags = (4 * abs((normal.dot(bent) + shift) % 1.0 - 0.5) - 1 for normal, shift in waves)
        return sum(zigzags) / math.sqrt(folds)

    return height


def wander(spot: Vector, scale: float, seed: float = 0.0) -> float:
    """Return smooth noise in about [-1, 1]."""
    return noise.noise(spot * scale + Vector((seed, seed * 1.7, -seed)))
