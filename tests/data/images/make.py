#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the images of this folder, and expected.txt: for each, the size and FNV-1a hash of the upright RGB pixels that
Pillow reads from it (numpy's arithmetic where Pillow cannot: 16-bit grey). The files are committed; this script says
where they come from. Needs python3-pil and python3-numpy."""
import io
import os
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

FOLDER = os.path.dirname(os.path.abspath(__file__))
expected = {}


def picture(width, height, channels=3, levels=256):
    """Smooth ramps, a hard edge and a little noise: what filters and codecs get wrong shows."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    random = np.random.default_rng(width * 1000 + height)
    planes = []
    for c in range(channels):
        plane = 0.5 + 0.3 * np.sin(x * (0.11 + 0.05 * c)) + 0.2 * np.cos(y * (0.17 - 0.04 * c))
        plane = np.where((x + y * (c + 1)) % 23 < 5, 1 - plane, plane) + random.normal(0, 0.02, plane.shape)
        planes.append(np.clip(plane, 0, 1))
    values = (np.stack(planes, -1) * (levels - 1)).round().astype(np.uint16 if levels > 256 else np.uint8)
    return values[..., 0] if channels == 1 else values


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def write(name, data, rgb=None):
    with open(os.path.join(FOLDER, name), "wb") as file:
        file.write(data)
    if rgb is None:
        image = Image.open(io.BytesIO(data))
        rgb = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    expected[name] = (rgb.shape[1], rgb.shape[0], fnv(np.ascontiguousarray(rgb, np.uint8).tobytes()))


def save(name, array, mode=None, **options):
    out = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array, mode)
    image.save(out, **options)
    write(name, out.getvalue())
    return out.getvalue()


def exif(orientation, order=">"):
    mark = b"MM\0*" if order == ">" else b"II*\0"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    return mark + struct.pack(order + "IH", 8, 1) + entry + struct.pack(order + "I", 0)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, color, rows, interlace=0, before=b"", after=b""):
    """Pillow writes neither 16-bit colour nor interlaced files."""
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + chunk(b"IDAT", body) + after + chunk(b"IEND", b""))


def rows_of(values):
    return [row.astype(">u2" if values.dtype == np.uint16 else np.uint8).tobytes() for row in values]


def adam7(values):
    rows = []
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        part = values[y0::dy, x0::dx]
        if part.size:
            rows += rows_of(part)
    return rows


def make_jpegs():
    base = Image.fromarray(picture(61, 43))
    save("baseline_420.jpg", base, format="JPEG", quality=85)
    save("baseline_444.jpg", base, format="JPEG", quality=90, subsampling=0)
    save("progressive.jpg", base, format="JPEG", quality=80, progressive=True)
    save("progressive_tall.jpg", picture(16, 600), format="JPEG", quality=40, progressive=True)
    save("grey.jpg", picture(37, 29, 1), format="JPEG", quality=85)
    save("cmyk.jpg", picture(33, 21, 4), "CMYK", format="JPEG", quality=90)
    save("one_pixel.jpg", picture(1, 1), format="JPEG")
    save("optimised.jpg", Image.fromarray(picture(80, 48)), format="JPEG", quality=75, optimize=True)
    for orientation in range(1, 9):
        block = b"Exif\0\0" + exif(orientation, "<" if orientation % 2 else ">")
        save(f"orientation_{orientation}.jpg", picture(40, 24), format="JPEG", quality=80, exif=block)


def make_pngs():
    rgb = picture(45, 31)
    save("rgb.png", rgb, format="PNG")
    save("rgba.png", picture(35, 27, 4), format="PNG")
    save("grey.png", picture(29, 33, 1), format="PNG")
    save("grey_alpha.png", picture(23, 19, 2), "LA", format="PNG")
    save("one_pixel.png", picture(1, 1), format="PNG")
    palette = Image.fromarray(rgb).quantize(32)
    save("palette.png", palette, format="PNG")
    save("palette_transparent.png", palette, format="PNG", transparency=bytes(range(0, 256, 8)))
    for depth in (1, 2, 4):
        values = picture(21, 13, 1, 1 << depth)
        bits = np.unpackbits(values[..., None], axis=-1)[..., 8 - depth:].reshape(13, -1)
        rows = [np.packbits(row).tobytes() for row in bits]
        write(f"grey_{depth}bit.png", png(21, 13, depth, 0, rows))
    grey16 = picture(27, 17, 1, 65536)
    write("grey_16bit.png", png(27, 17, 16, 0, rows_of(grey16)), np.repeat((grey16 >> 8)[..., None], 3, -1))
    deep = picture(25, 15, 3, 65536)
    write("rgb_16bit.png", png(25, 15, 16, 2, rows_of(deep)))
    deep_alpha = picture(25, 15, 4, 65536)
    write("rgba_16bit.png", png(25, 15, 16, 6, rows_of(deep_alpha)))
    write("interlaced.png", png(45, 31, 8, 2, adam7(rgb), 1))
    write("interlaced_small.png", png(3, 2, 8, 2, adam7(picture(3, 2)), 1))
    write("interlaced_alpha.png", png(19, 18, 8, 6, adam7(picture(19, 18, 4)), 1))
    write("exif_after_pixels.png", png(45, 31, 8, 2, rows_of(rgb), after=chunk(b"eXIf", exif(6))),
          np.rot90(rgb, -1))
    bomb = zlib.compress(bytes(1 << 24), 9)
    write("text_bomb.png", png(45, 31, 8, 2, rows_of(rgb), before=chunk(b"zTXt", b"Comment\0\0" + bomb)), rgb)
    frames = [Image.fromarray(picture(16, 16)), Image.fromarray(picture(16, 16)[::-1])]
    out = io.BytesIO()
    frames[0].save(out, format="PNG", save_all=True, append_images=frames[1:])
    with open(os.path.join(FOLDER, "animated.png"), "wb") as file:
        file.write(out.getvalue())


def make_webps():
    base = Image.fromarray(picture(47, 35))
    save("lossy.webp", base, format="WEBP", quality=80)
    save("lossless.webp", base, format="WEBP", lossless=True)
    save("lossy_alpha.webp", picture(31, 29, 4), format="WEBP", quality=80)
    save("lossless_alpha.webp", picture(31, 29, 4), format="WEBP", lossless=True, exact=True)
    save("orientation_8.webp", base, format="WEBP", quality=70, exif=b"Exif\0\0" + exif(8))
    out = io.BytesIO()
    base.save(out, format="WEBP", save_all=True, append_images=[base.rotate(180)], duration=100)
    with open(os.path.join(FOLDER, "animated.webp"), "wb") as file:
        file.write(out.getvalue())


make_jpegs()
make_pngs()
make_webps()
with open(os.path.join(FOLDER, "expected.txt"), "w", encoding="ascii") as listing:
    for name in sorted(expected):
        listing.write("%s %d %d %016x\n" % (name, *expected[name]))
