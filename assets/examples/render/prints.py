"""Printed words and shapes, laid on flat, round or bent surfaces."""

import math
from collections.abc import Callable, Sequence

import bmesh
import bpy
from mathutils import Vector

from . import materials
from .shapes import Material, Object, Vec3, add_mesh

# Prints float this far above their surface, so that the two never flicker into each other.
PRINT_GAP = 0.004


def lettering(text: str, size: float, material: Material, *, bold: float = 0.0) -> Object:
    """Set text as a flat mesh centred in the xy plane; bold thickens the strokes (units)."""
    curve = bpy.data.curves.new("text", "FONT")
    curve.body = text
    curve.size = size
    curve.align_x = "CENTER"
    curve.align_y = "CENTER"
    curve.offset = bold
    curve.resolution_u = 4
    source = bpy.data.objects.new("text", curve)
    bpy.context.scene.collection.objects.link(source)
    graph = bpy.context.evaluated_depsgraph_get()
    mesh = bpy.data.meshes.new_from_object(source.evaluated_get(graph))
    bpy.data.objects.remove(source)
    mesh.materials.clear()
    return add_mesh("lettering", mesh, material, 0.0)


def patch(outline: Sequence[tuple[float, float]], material: Material) -> Object:
    """Make a flat printed shape in the xy plane from its outline."""
    mesh = bpy.data.meshes.new("patch")
    mesh.from_pydata([(x, y, 0) for x, y in outline], [], [list(range(len(outline)))])
    return add_mesh("patch", mesh, material, 0.0)


def _cut(obj: Object, step: float, axes: Sequence[int]) -> None:
    """Cut a flat mesh by planes a step apart, so that it can be bent."""
    work = bmesh.new()
    work.from_mesh(obj.data)
    bmesh.ops.triangulate(work, faces=work.faces)
    for axis in axes:
        values = [vertex.co[axis] for vertex in work.verts]
        count = int((max(values) - min(values)) / step)
        for index in range(1, count + 1):
            spot, normal = Vector((0, 0, 0)), Vector((0, 0, 0))
            spot[axis] = min(values) + index * step
            normal[axis] = 1.0
            geometry = [*work.verts, *work.edges, *work.faces]
            bmesh.ops.bisect_plane(work, geom=geometry, plane_co=spot, plane_no=normal)
    work.to_mesh(obj.data)
    work.free()


def wrap(
    obj: Object, radius: float, height: float, *, angle_deg: float = 0.0, step: float = 0.03
) -> Object:
    """Roll a flat print onto a cylinder around z; angle 0 faces the camera (minus y)."""
    _cut(obj, step, (0, 1))
    turn = math.radians(angle_deg)
    for vertex in obj.data.vertices:
        x, y, _ = vertex.co
        angle = x / radius + turn
        vertex.co = (radius * math.sin(angle), -radius * math.cos(angle), y + height)
    for polygon in obj.data.polygons:
        polygon.use_smooth = True
    obj.data.auto_smooth_angle = math.pi
    return obj


def drape(obj: Object, shift: Vec3, surface: Callable[[Vector], Vector], step: float) -> Object:
    """Move a flat print by shift and let it follow a bent surface."""
    _cut(obj, step, (0, 1))
    for vertex in obj.data.vertices:
        vertex.co = surface(vertex.co + Vector(shift))
    return obj


def wave_band(radius: float, low: float, high: float, swing: float, material: Material) -> Object:
    """Make a printed band around a cylinder whose two edges swing like a ribbon."""
    turns = [2 * math.pi * k / 120 for k in range(121)]
    outline = [((a - math.pi) * radius, low + swing * math.sin(a)) for a in turns]
    outline += [((a - math.pi) * radius, high + swing * math.sin(a + 0.7)) for a in turns[::-1]]
    return wrap(patch(outline, material), radius, 0.0)


def paper_label(
    radius: float,
    low: float,
    high: float,
    half_angle_deg: float,
    lines: list[tuple[str, float, float]],
    colors: tuple[tuple[float, float, float], tuple[float, float, float]],
) -> list[Object]:
    """Glue a label with a frame and lines of (text, size, height above low) on a cylinder."""
    paper = materials.plain("label", colors[0], roughness=0.7)
    ink = materials.plain("ink", colors[1], roughness=0.6)
    half = math.radians(half_angle_deg) * radius
    sheet = [(-half, low), (half, low), (half, high), (-half, high)]
    parts = [wrap(patch(sheet, paper), radius, 0.0)]
    for edge in (low + 0.04, high - 0.06):
        rule = [
            (-half * 0.94, edge),
            (half * 0.94, edge),
            (half * 0.94, edge + 0.02),
            (-half * 0.94, edge + 0.02),
        ]
        parts.append(wrap(patch(rule, ink), radius + PRINT_GAP, 0.0))
    for text, size, height in lines:
        words = lettering(text, size, ink)
        parts.append(wrap(words, radius + PRINT_GAP, low + height))
    return parts
