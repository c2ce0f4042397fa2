"""A smaller copy of a picture."""

import base64
import io

from PIL import Image, ImageOps


def handler(event, context):
    """{"image": base64, "width": pixels} -> {"image": base64 of a JPEG, "width", "height"}"""
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(base64.b64decode(event["image"]))))
    picture.thumbnail((event.get("width", 320), picture.height))  # keeps the proportions, never enlarges

    smaller = io.BytesIO()
    picture.convert("RGB").save(smaller, "JPEG", quality=85, optimize=True)
    return {
        "image": base64.b64encode(smaller.getvalue()).decode(),
        "width": picture.width,
        "height": picture.height,
    }
