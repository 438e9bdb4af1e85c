"""Everything a person sees; it is imported by app.py alone and imports the engines."""
