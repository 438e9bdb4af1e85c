"""A picture input that hands over the file as it was sent."""

from __future__ import annotations

import gradio as gr
from gradio.data_classes import ImageData


class PhotoInput(gr.Image):
    """A Gradio image whose file reaches us unopened, so that we judge it before it is decoded.

    Gradio's own image opens every upload itself: a damaged file or a decompression bomb would end
    in its error, not in our sentence.
    """

    # Drawn in the browser by Gradio's own image.
    is_template = True

    def preprocess(self, payload: ImageData | None) -> str | None:
        """Return the path of the uploaded file, or None where there is none."""
        return payload.path if payload is not None else None
