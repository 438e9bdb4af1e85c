"""Procedural Blender scenes of single waste items."""
