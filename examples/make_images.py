#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes examples/images, lines of text, upright and upside down, and examples/pages, in the file formats that weir reads.

Needs python3-pil and fonts-dejavu-core. The same versions of both make the same bytes; the files are committed, so
nobody has to run this. A file's name begins with the answer: "upright" is "0", "upside-down" is "180".
"""

import pathlib
import struct
import zlib

from PIL import Image, ImageDraw, ImageFont

HERE = pathlib.Path(__file__).resolve().parent
FONTS = pathlib.Path("/usr/share/fonts/truetype/dejavu")
SIZE = (384, 96)  # 4 : 1, as the model's 192 x 48, so that stretching does not distort


def line(text, font="DejaVuSans.ttf", ink=(20, 20, 20), paper=(255, 255, 255), tilt=0):
    """One line of text, as large as fits, in the middle of the paper."""
    points = 72
    while True:
        face = ImageFont.truetype(str(FONTS / font), points)
        left, top, right, bottom = face.getbbox(text)
        if right - left <= SIZE[0] - 24 and bottom - top <= SIZE[1] - 24:
            break
        points -= 1
    image = Image.new("RGB", SIZE, paper)
    at = ((SIZE[0] - right - left) // 2, (SIZE[1] - bottom - top) // 2)
    ImageDraw.Draw(image).text(at, text, font=face, fill=ink)
    return image.rotate(tilt, Image.BICUBIC, fillcolor=paper) if tilt else image


def turned(image):
    return image.transpose(Image.ROTATE_180)


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


def with_alpha(image):
    """Opaque at the left, half transparent at the right: the colours underneath are whole."""
    alpha = Image.linear_gradient("L").rotate(90).resize(image.size).point(lambda v: 127 + v // 2)
    image = image.copy()
    image.putalpha(alpha)
    return image


def write_png16(path, image):
    """Pillow cannot write 16 bits for each sample; the low byte repeats the high one, so v / 257 and v >> 8 agree."""
    kind = {"L": 0, "RGB": 2}[image.mode]
    stride = image.width * len(image.getbands())
    samples = image.tobytes()
    rows = (samples[y * stride : (y + 1) * stride] for y in range(image.height))
    raw = b"".join(b"\0" + bytes(b for v in row for b in (v, v)) for row in rows)

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", image.width, image.height, 16, kind, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    )


# Pages for OCR: what stands on them is in the text file of the same name, line by line.
PAGES = {
    "letter": [("Stone bridge", 44), ("Open daily from 9 to 17", 30), ("Tickets at the north gate", 30), ("Tel. 030 1284 500", 36)],
    "invoice": [("Invoice 2041", 48), ("Quiet river 7", 30), ("Total 1,284.50 EUR", 36), ("Payable within 30 days", 28)],
}


def page(lines, font="DejaVuSansMono.ttf", size=(640, 400), upside_down=()):
    """Lines one below the other, dark on white; those of `upside_down` (by number) stand on their heads."""
    image = Image.new("L", size, 255)
    top = 36
    for number, (text, points) in enumerate(lines):
        face = ImageFont.truetype(str(FONTS / font), points)
        left, upper, right, lower = face.getbbox(text)
        strip = Image.new("L", (right - left + 8, lower - upper + 8), 255)
        ImageDraw.Draw(strip).text((4 - left, 4 - upper), text, font=face, fill=20)
        image.paste(turned(strip) if number in upside_down else strip, (40, top))
        top += strip.height + 44
    return image


def noisy(image, strength):
    """Grain as of a bad sensor, the same each time."""
    state = 1
    pixels = bytearray(image.tobytes())
    for i, value in enumerate(pixels):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        pixels[i] = max(0, min(255, value + (state >> 16) % (2 * strength + 1) - strength))
    return Image.frombytes(image.mode, image.size, bytes(pixels))


def photographed(image):
    """Seen from the side, on a dark table, lit from the left."""
    width, height = image.size
    corners = (-30, -40, -60, height + 50, width + 40, height + 20, width + 70, -10)
    seen = image.transform(image.size, Image.QUAD, corners, Image.BICUBIC)
    inside = Image.new("L", image.size, 255).transform(image.size, Image.QUAD, corners, Image.BICUBIC)
    light = Image.linear_gradient("L").rotate(90).resize(image.size).point(lambda v: 150 + v // 3)
    paper = Image.composite(seen, Image.new("L", image.size, 70), inside)
    return Image.composite(paper, paper.point(lambda v: v * 2 // 3), light)


def write_pages(out):
    out.mkdir(exist_ok=True)
    letter = page(PAGES["letter"])
    invoice = page(PAGES["invoice"])
    made = {
        "clean-letter.png": ("letter", letter),
        "clean-invoice.png": ("invoice", invoice),
        "upside-down-line.png": ("letter", page(PAGES["letter"], upside_down={1})),
        "tilted.jpg": ("letter", letter.rotate(2, Image.BICUBIC, fillcolor=255)),
        "noise.jpg": ("invoice", noisy(invoice, 40)),
        "photo.jpg": ("invoice", photographed(invoice)),
        "small.webp": ("letter", letter.resize((320, 200), Image.LANCZOS)),
    }
    for name, (text, image) in made.items():
        path = out / name
        options = {".png": {"optimize": True, "bits": 4}, ".jpg": {"quality": 50}, ".webp": {"quality": 70}}[path.suffix]
        (image.quantize(16) if path.suffix == ".png" else image).save(path, **options)
        path.with_suffix(".txt").write_text("\n".join(line for line, _ in PAGES[text]) + "\n", encoding="utf-8")


def main():
    out = HERE / "images"
    out.mkdir(exist_ok=True)
    write_pages(HERE / "pages")
    bridge = line("Stone bridge")
    river = line("Quiet river 7", "DejaVuSerif.ttf", ink=(40, 30, 90), paper=(235, 225, 200))
    invoice = line("Invoice 2041", "DejaVuSansMono.ttf")
    gates = line("North gate 12", "DejaVuSans-Bold.ttf", ink=(250, 240, 120), paper=(30, 60, 90))

    bridge.save(out / "upright-1.jpg", quality=85)
    gates.save(out / "upright-2.png", optimize=True)
    river.save(out / "upright-3.webp", lossless=True)
    level = line("Water level 3.2 m", "DejaVuSerif-Bold.ttf")
    level.save(out / "upright-4-progressive.jpg", quality=80, progressive=True)

    turned(bridge).save(out / "upside-down-1.jpg", quality=85)
    turned(gates).save(out / "upside-down-2.png", optimize=True)
    turned(river).save(out / "upside-down-3.webp", quality=80)
    turned(invoice).save(out / "upside-down-4.jpg", quality=90, subsampling=0)

    turned(bridge).save(out / "upright-exif-3.jpg", quality=85, exif=exif(3))  # stored upside down, shown upright
    turned(bridge).transpose(Image.ROTATE_90).save(out / "upside-down-exif-6.jpg", quality=85, exif=exif(6))
    invoice.convert("L").save(out / "upright-grey.png", optimize=True)
    turned(invoice).convert("L").save(out / "upside-down-grey.jpg", quality=85)
    turned(with_alpha(river)).save(out / "upside-down-alpha.png", optimize=True)
    gates.quantize(16, dither=Image.Dither.NONE).save(out / "upright-palette.png", optimize=True)
    write_png16(out / "upright-16-bit.png", river)
    write_png16(out / "upside-down-16-bit-grey.png", turned(invoice).convert("L"))
    tilted = line("Slightly tilted", ink=(255, 255, 255), paper=(160, 60, 40), tilt=4)
    tilted.save(out / "upright-tilted.jpg", quality=85)


if __name__ == "__main__":
    main()
