"""Upcycling: from a thing to projects, over a graph of items, materials, properties and tools."""
