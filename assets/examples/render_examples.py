"""Render our own example pictures of waste items with Blender.

Run: blender -b -t 1 -P assets/examples/render_examples.py -- --out assets/examples [--only NAME]
"""

import argparse
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

from render import appliances, bottles, boxes, cans, electronics, outdoors, plastics, scene

SUBJECTS = {
    **cans.SUBJECTS,
    **bottles.SUBJECTS,
    **plastics.SUBJECTS,
    **boxes.SUBJECTS,
    **electronics.SUBJECTS,
    **appliances.SUBJECTS,
    **outdoors.SUBJECTS,
}


def arguments() -> argparse.Namespace:
    """Read the options after the double dash that ends Blender's own."""
    parser = argparse.ArgumentParser(prog="render_examples.py", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--only", nargs="*", choices=sorted(SUBJECTS), help="default: all")
    parser.add_argument("--size", type=int, default=640, help="width and height in pixels")
    parser.add_argument("--samples", type=int, default=48, help="light paths per pixel")
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    return parser.parse_args(own)


def main() -> None:
    """Build and render each chosen subject in a fresh scene."""
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.only or SUBJECTS:
        scene.start_scene(options.size, options.size, options.samples)
        SUBJECTS[name]()
        bpy.context.scene.render.filepath = str((options.out / f"{name}.jpg").resolve())
        bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    main()
