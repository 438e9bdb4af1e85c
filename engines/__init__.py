"""Everything that computes; nothing below this package imports Gradio."""
