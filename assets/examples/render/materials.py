"""Procedural materials built from shader nodes. Colours are linear RGB in [0, 1]."""

from typing import Any

import bpy

Color = tuple[float, float, float]


class Tree:
    """A node tree with two short verbs, so that materials read as a list of steps."""

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        tree.nodes.clear()
        self.tree = tree

    def node(self, kind: str, **inputs: Any) -> Any:
        """Add a node and set its inputs by name (underscores stand for spaces)."""
        node = self.tree.nodes.new(kind)
        for name, value in inputs.items():
            node.inputs[name.replace("_", " ")].default_value = value
        return node

    def link(self, source: Any, target: Any) -> None:
        """Connect an output socket to an input socket."""
        self.tree.links.new(source, target)


def world_tree(world: bpy.types.World) -> Tree:
    """Return the emptied node tree of a world."""
    world.use_nodes = True
    return Tree(world.node_tree)


def _material(name: str) -> tuple[bpy.types.Material, Tree]:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    return material, Tree(material.node_tree)


def _finish(tree: Tree, shader: Any) -> None:
    output = tree.node("ShaderNodeOutputMaterial")
    tree.link(shader.outputs[0], output.inputs["Surface"])


def _noise(tree: Tree, scale: float, stretch: Color, detail: float = 8.0) -> Any:
    """Add noise in object space; stretch squeezes it per axis."""
    coordinates = tree.node("ShaderNodeTexCoord")
    mapping = tree.node("ShaderNodeMapping", Scale=stretch)
    noise = tree.node("ShaderNodeTexNoise", Scale=scale, Detail=detail, Roughness=0.62)
    tree.link(coordinates.outputs["Object"], mapping.inputs["Vector"])
    tree.link(mapping.outputs[0], noise.inputs["Vector"])
    return noise


def _bump(tree: Tree, height: Any, shader: Any, distance: float) -> None:
    bump = tree.node("ShaderNodeBump", Strength=1.0, Distance=distance)
    tree.link(height, bump.inputs["Height"])
    tree.link(bump.outputs[0], shader.inputs["Normal"])


def plain(
    name: str,
    color: Color,
    *,
    roughness: float = 0.5,
    metallic: float = 0.0,
    clearcoat: float = 0.0,
    subsurface: float = 0.0,
    emission: float = 0.0,
    bump: float = 0.0,
    bump_scale: float = 6.0,
) -> bpy.types.Material:
    """Make an evenly coloured surface with slightly uneven gloss and optional bumps."""
    material, tree = _material(name)
    rgba = (*color, 1.0)
    shader = tree.node(
        "ShaderNodeBsdfPrincipled",
        Base_Color=rgba,
        Metallic=metallic,
        Clearcoat=clearcoat,
        Subsurface=subsurface,
        Subsurface_Color=rgba,
        Emission=rgba,
        Emission_Strength=emission,
    )
    noise = _noise(tree, bump_scale, (1, 1, 1))
    gloss = tree.node("ShaderNodeMapRange")
    gloss.inputs["To Min"].default_value = max(0.02, roughness * 0.75)
    gloss.inputs["To Max"].default_value = min(1.0, roughness * 1.25)
    tree.link(noise.outputs["Fac"], gloss.inputs["Value"])
    tree.link(gloss.outputs[0], shader.inputs["Roughness"])
    if bump:
        _bump(tree, noise.outputs["Fac"], shader, bump)
    _finish(tree, shader)
    return material


def mottled(
    name: str,
    dark: Color,
    light: Color,
    *,
    scale: float,
    stretch: Color = (1, 1, 1),
    roughness: float = 0.7,
    bump: float = 0.0,
    contrast: float = 0.25,
    subsurface: float = 0.0,
    metallic: float = 0.0,
) -> bpy.types.Material:
    """Make a surface that wanders between two colours; stretch turns spots into grain."""
    material, tree = _material(name)
    shader = tree.node(
        "ShaderNodeBsdfPrincipled", Roughness=roughness, Subsurface=subsurface, Metallic=metallic
    )
    shader.inputs["Subsurface Color"].default_value = (*light, 1)
    noise = _noise(tree, scale, stretch)
    ramp = tree.node("ShaderNodeValToRGB")
    ramp.color_ramp.elements[0].position = 0.5 - contrast
    ramp.color_ramp.elements[0].color = (*dark, 1)
    ramp.color_ramp.elements[1].position = 0.5 + contrast
    ramp.color_ramp.elements[1].color = (*light, 1)
    tree.link(noise.outputs["Fac"], ramp.inputs[0])
    tree.link(ramp.outputs[0], shader.inputs["Base Color"])
    if bump:
        _bump(tree, noise.outputs["Fac"], shader, bump)
    _finish(tree, shader)
    return material


def wood(name: str, light: Color, dark: Color, *, rings: float = 9.0) -> bpy.types.Material:
    """Make sawn wood whose fibres run along the object's x axis: growth rings and fine grain."""
    material, tree = _material(name)
    shader = tree.node("ShaderNodeBsdfPrincipled", Roughness=0.65)
    coordinates = tree.node("ShaderNodeTexCoord")
    mapping = tree.node("ShaderNodeMapping", Scale=(0.06, 1, 1), Rotation=(0.1, 0.03, 0.02))
    tree.link(coordinates.outputs["Object"], mapping.inputs["Vector"])
    wave = tree.node(
        "ShaderNodeTexWave", Scale=rings * 0.4, Distortion=5.0, Detail=4.0, Detail_Scale=1.2
    )
    wave.wave_type = "RINGS"
    wave.rings_direction = "X"
    tree.link(mapping.outputs[0], wave.inputs["Vector"])
    fibre = _noise(tree, 14.0, (0.04, 1, 1))
    mix = tree.node("ShaderNodeMath")
    mix.operation = "MULTIPLY_ADD"
    mix.inputs[1].default_value = 0.55
    tree.link(wave.outputs["Fac"], mix.inputs[0])
    half = tree.node("ShaderNodeMath")
    half.operation = "MULTIPLY"
    half.inputs[1].default_value = 0.55
    tree.link(fibre.outputs["Fac"], half.inputs[0])
    tree.link(half.outputs[0], mix.inputs[2])
    ramp = tree.node("ShaderNodeValToRGB")
    ramp.color_ramp.elements[0].position = 0.2
    ramp.color_ramp.elements[0].color = (*light, 1)
    ramp.color_ramp.elements[1].position = 0.95
    ramp.color_ramp.elements[1].color = (*dark, 1)
    tree.link(mix.outputs[0], ramp.inputs[0])
    tree.link(ramp.outputs[0], shader.inputs["Base Color"])
    _bump(tree, fibre.outputs["Fac"], shader, 0.02)
    _finish(tree, shader)
    return material


def floor_boards(light: Color, dark: Color) -> bpy.types.Material:
    """Make a table top of wide varnished boards with thin joints."""
    material = wood("boards", light, dark, rings=2.5)
    tree = material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.38
    color = shader.inputs["Base Color"].links[0].from_socket
    brick = tree.nodes.new("ShaderNodeTexBrick")
    coordinates = tree.nodes.new("ShaderNodeTexCoord")
    values = {"Scale": 0.35, "Mortar Size": 0.004, "Brick Width": 6.0, "Row Height": 0.5}
    for name, value in values.items():
        brick.inputs[name].default_value = value
    brick.inputs["Color1"].default_value = (1, 1, 1, 1)
    brick.inputs["Color2"].default_value = (0.75, 0.75, 0.75, 1)
    brick.inputs["Mortar"].default_value = (0.15, 0.12, 0.1, 1)
    multiply = tree.nodes.new("ShaderNodeVectorMath")
    multiply.operation = "MULTIPLY"
    tree.links.new(coordinates.outputs["Object"], brick.inputs["Vector"])
    tree.links.new(color, multiply.inputs[0])
    tree.links.new(brick.outputs["Color"], multiply.inputs[1])
    tree.links.new(multiply.outputs[0], shader.inputs["Base Color"])
    return material


def glass(name: str, color: Color, *, roughness: float = 0.0) -> bpy.types.Material:
    """Make thick glass (IOR 1.5) that lets tinted light through instead of a black shadow."""
    material, tree = _material(name)
    body = tree.node("ShaderNodeBsdfGlass", Color=(*color, 1), Roughness=roughness, IOR=1.5)
    clear = tree.node("ShaderNodeBsdfTransparent", Color=(*color, 1))
    path = tree.node("ShaderNodeLightPath")
    mix = tree.node("ShaderNodeMixShader")
    tree.link(path.outputs["Is Shadow Ray"], mix.inputs[0])
    tree.link(body.outputs[0], mix.inputs[1])
    tree.link(clear.outputs[0], mix.inputs[2])
    _finish(tree, mix)
    return material


def film(name: str, color: Color, *, haze: float = 0.06) -> bpy.types.Material:
    """Make a thin clear plastic wall: transparent, glossy at grazing angles, slightly hazy."""
    material, tree = _material(name)
    clear = tree.node("ShaderNodeBsdfTransparent", Color=(*color, 1))
    milky = tree.node("ShaderNodeBsdfTranslucent", Color=(*color, 1))
    shine = tree.node("ShaderNodeBsdfGlossy", Color=(1, 1, 1, 1), Roughness=0.06)
    body = tree.node("ShaderNodeMixShader", Fac=haze)
    tree.link(clear.outputs[0], body.inputs[1])
    tree.link(milky.outputs[0], body.inputs[2])
    fresnel = tree.node("ShaderNodeFresnel", IOR=1.57)
    mix = tree.node("ShaderNodeMixShader")
    tree.link(fresnel.outputs[0], mix.inputs[0])
    tree.link(body.outputs[0], mix.inputs[1])
    tree.link(shine.outputs[0], mix.inputs[2])
    _finish(tree, mix)
    return material
