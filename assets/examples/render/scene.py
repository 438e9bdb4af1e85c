"""Renderer, camera, lights and surroundings. One Blender unit is one decimetre."""

import math

import bpy
from mathutils import Vector

from . import materials

Vec3 = tuple[float, float, float]


def start_scene(width_px: int, height_px: int, samples: int) -> None:
    """Empty the file and set up a small single-threaded Cycles render to JPEG."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = True
    scene.cycles.adaptive_threshold = 0.02
    scene.cycles.use_denoising = False
    scene.cycles.max_bounces = 14
    scene.cycles.transmission_bounces = 12
    scene.cycles.transparent_max_bounces = 24
    # Rare bright paths through glass would otherwise stay as white dots at this sample count.
    scene.cycles.sample_clamp_indirect = 3.0
    scene.cycles.blur_glossy = 0.5
    scene.render.resolution_x = width_px
    scene.render.resolution_y = height_px
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "JPEG"
    scene.render.image_settings.quality = 88
    scene.view_settings.view_transform = "Filmic"
    scene.view_settings.look = "Medium High Contrast"
    scene.world = bpy.data.worlds.new("world")
    soften_grain()


def soften_grain() -> None:
    """Blur render noise lightly where neither colour nor direction of the surface changes.

    Debian's Blender is built without OpenImageDenoise, so the compositor's bilateral filter
    does the work, guided by the albedo and normal passes.
    """
    scene = bpy.context.scene
    scene.view_layers[0].cycles.denoising_store_passes = True
    scene.use_nodes = True
    tree = materials.Tree(scene.node_tree)
    layers = tree.node("CompositorNodeRLayers")
    guide = tree.node("CompositorNodeMixRGB")
    guide.blend_type = "ADD"
    tree.link(layers.outputs["Denoising Albedo"], guide.inputs[1])
    tree.link(layers.outputs["Denoising Normal"], guide.inputs[2])
    blur = tree.node("CompositorNodeBilateralblur")
    blur.iterations = 1
    blur.sigma_color = 0.12
    blur.sigma_space = 2.5
    tree.link(layers.outputs["Image"], blur.inputs["Image"])
    tree.link(guide.outputs[0], blur.inputs["Determinator"])
    output = tree.node("CompositorNodeComposite")
    tree.link(blur.outputs[0], output.inputs["Image"])


def camera(position: Vec3, target: Vec3, *, focal_mm: float = 60.0, fstop: float = 0.9) -> None:
    """Place a 36 mm camera that looks at, and focuses on, target.

    The f-stop is a tenth of what the blur would need in metres, as the unit is a decimetre.
    """
    data = bpy.data.cameras.new("camera")
    data.lens = focal_mm
    data.sensor_width = 36.0
    data.dof.use_dof = True
    data.dof.focus_distance = (Vector(target) - Vector(position)).length
    data.dof.aperture_fstop = fstop
    obj = bpy.data.objects.new("camera", data)
    obj.location = position
    obj.rotation_euler = (Vector(target) - Vector(position)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.scene.camera = obj


def area_light(
    position: Vec3, target: Vec3, *, size: float, power_w: float, color: Vec3 = (1, 1, 1)
) -> None:
    """Add a square soft light that shines at target."""
    data = bpy.data.lights.new("light", "AREA")
    data.size = size
    data.energy = power_w
    data.color = color
    obj = bpy.data.objects.new("light", data)
    obj.location = position
    obj.rotation_euler = (Vector(target) - Vector(position)).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(obj)


def room_light(strength: float = 0.45, floor: Vec3 = (0.12, 0.11, 0.1)) -> None:
    """Light everything from a bright ceiling that fades to a dark floor, as in a room."""
    tree = materials.world_tree(bpy.context.scene.world)
    ramp = tree.node("ShaderNodeValToRGB")
    ramp.color_ramp.elements[0].position = 0.35
    ramp.color_ramp.elements[0].color = (*floor, 1)
    ramp.color_ramp.elements[1].position = 0.8
    ramp.color_ramp.elements[1].color = (1, 0.98, 0.95, 1)
    height = tree.node("ShaderNodeSeparateXYZ")
    coordinates = tree.node("ShaderNodeTexCoord")
    scaled = tree.node("ShaderNodeMapRange")
    scaled.inputs["From Min"].default_value = -1.0
    tree.link(coordinates.outputs["Generated"], height.inputs[0])
    tree.link(height.outputs["Z"], scaled.inputs["Value"])
    tree.link(scaled.outputs[0], ramp.inputs[0])
    background = tree.node("ShaderNodeBackground", Strength=strength)
    tree.link(ramp.outputs[0], background.inputs["Color"])
    output = tree.node("ShaderNodeOutputWorld")
    tree.link(background.outputs[0], output.inputs[0])


def daylight(sun_elevation_deg: float, sun_rotation_deg: float, strength: float) -> None:
    """Light the scene with the Nishita model of a clear sky."""
    tree = materials.world_tree(bpy.context.scene.world)
    sky = tree.node("ShaderNodeTexSky")
    sky.sky_type = "NISHITA"
    sky.sun_elevation = math.radians(sun_elevation_deg)
    sky.sun_rotation = math.radians(sun_rotation_deg)
    sky.sun_size = math.radians(2.0)
    background = tree.node("ShaderNodeBackground", Strength=strength)
    tree.link(sky.outputs[0], background.inputs["Color"])
    output = tree.node("ShaderNodeOutputWorld")
    tree.link(background.outputs[0], output.inputs[0])


def product_light(height: float = 1.0, power: float = 1.0) -> None:
    """Add a large key light from the left, a weak fill from the right and the room."""
    top = (0.0, 0.0, height * 0.5)
    area_light((-5, -3.5, 6), top, size=4.0, power_w=420 * power, color=(1.0, 0.97, 0.93))
    area_light((6, -2, 3.5), top, size=3.0, power_w=110 * power, color=(0.92, 0.96, 1.0))
    area_light((0.5, 6, 5), top, size=3.0, power_w=120 * power)
    room_light(0.4 * power)


def plane(name: str, size: float, material: bpy.types.Material) -> bpy.types.Object:
    """Add a square in the ground plane, centred at the origin."""
    half = size / 2
    mesh = bpy.data.meshes.new(name)
    corners = [(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)]
    mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
    mesh.materials.append(material)
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(obj)
    return obj


def table(kind: str) -> None:
    """Lay a table or floor: white poster board, concrete, light wood or dark wood."""
    surfaces = {
        "board": lambda: materials.mottled(
            "board", (0.72, 0.71, 0.69), (0.78, 0.77, 0.75), scale=3, roughness=0.8
        ),
        "concrete": lambda: materials.mottled(
            "concrete", (0.2, 0.195, 0.19), (0.36, 0.35, 0.33), scale=1.6, roughness=0.8, bump=0.05
        ),
        "light_wood": lambda: materials.floor_boards((0.5, 0.3, 0.15), (0.36, 0.2, 0.09)),
        "dark_wood": lambda: materials.floor_boards((0.16, 0.075, 0.035), (0.08, 0.035, 0.015)),
    }
    plane("table", 80, surfaces[kind]())


def wall(distance: float, material: bpy.types.Material) -> None:
    """Stand an upright plane behind the item."""
    obj = plane("wall", 120, material)
    obj.location = (0, distance, 0)
    obj.rotation_euler = (math.radians(90), 0, 0)
