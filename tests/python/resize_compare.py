#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares decoding, resizing and normalising with Pillow, pixel by pixel.

    resize_compare.py IMAGE_TOOL

Fails when any pixel is more than 1/255 away, or a tensor value more than 1e-5; says how many pictures are equal in every
byte. Exit 77, a skip, without Pillow and numpy."""
import os
import subprocess
import sys
import tempfile
import zlib
import struct

try:
    import numpy as np
    from PIL import Image, ImageOps
except ImportError as missing:
    print("skipped: %s (Debian: apt install python3-pil python3-numpy)" % missing)
    sys.exit(77)

FITS = {"stretch": 0, "contain": 1, "contain_center": 2, "cover": 3}
IMAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "images")
BILINEAR = Image.BILINEAR


class Tool:
    """One process of image_tool for all comparisons."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, command):
        self.process.stdin.write((command + "\n").encode())
        self.process.stdin.flush()
        head = self.process.stdout.readline().decode()
        if not head or head.startswith("error"):
            raise RuntimeError("%s: %s" % (command, head.strip() or "the tool died"))
        width, height, size = (int(part) for part in head.split())
        return width, height, self.process.stdout.read(size)


def resized(image, size, fit):
    """What a Python programmer would write."""
    if fit == "stretch":
        return image.resize(size, BILINEAR)
    if fit == "cover":
        return ImageOps.fit(image, size, BILINEAR)
    if fit == "contain_center":
        return ImageOps.pad(image, size, BILINEAR, color=0)
    result = Image.new(image.mode, size, 0)
    result.paste(ImageOps.contain(image, size, BILINEAR), (0, 0))
    return result


class Report:
    def __init__(self):
        self.total = self.equal = self.close = 0
        self.failures = []

    def add(self, name, ours, theirs):
        difference = int(np.abs(ours.astype(int) - theirs.astype(int)).max())
        self.total += 1
        self.equal += difference == 0
        self.close += difference == 1
        if difference > 1:
            self.failures.append("%s: differs by %d" % (name, difference))


def compare_pixels(tool, report, path, image, size, fit, channels=3):
    width, height, data = tool.ask("pixels %d %d %d %d %s" % (*size, FITS[fit], channels, path))
    ours = np.frombuffer(data, np.uint8).reshape(height, width, channels)
    theirs = np.asarray(resized(image.convert("RGB" if channels == 3 else "L"), size, fit)).reshape(ours.shape)
    report.add("%s %dx%d -> %dx%d %s, %d channels" % (os.path.basename(path), *image.size, *size, fit, channels),
               ours, theirs)


def noise(random, size, mode):
    """Half noise, half structure: noise alone hides an offset, structure alone a wrong weight."""
    bands = len(mode)
    values = random.integers(0, 256, (size[1], size[0], bands), np.uint8)
    y, x = np.mgrid[0:size[1], 0:size[0]]
    ramp = ((x * 7 + y * 3) % 256)[..., None].astype(np.uint8)
    values = np.where(((x // 9 + y // 5) % 2)[..., None] == 0, values, ramp)
    return Image.fromarray(values[..., 0] if bands == 1 else values, mode)


def sizes(random):
    """Source and destination: chosen corners first, then chance."""
    corners = [(1, 1, 1, 1), (1, 1, 7, 5), (7, 5, 1, 1), (1, 300, 192, 48), (300, 1, 192, 48), (2, 2, 3, 3), (3, 3, 2, 2),
               (64, 64, 64, 64), (64, 64, 64, 32), (64, 64, 32, 64), (1000, 3, 4, 3), (3, 1000, 3, 4), (5, 5, 501, 499),
               (501, 499, 5, 5), (2048, 7, 1, 1), (192, 48, 192, 48), (400, 100, 192, 48), (320, 48, 192, 48), (33, 17, 32, 16),
               (17, 33, 18, 34), (640, 480, 224, 224), (1023, 769, 333, 257), (4, 4, 1, 4), (4, 4, 4, 1), (800, 2, 3, 9)]
    for width, height, new_width, new_height in corners:
        yield (width, height), (new_width, new_height)
    for i in range(260):
        top = 60 if i % 3 else 400
        draw = random.integers(1, top, 4)
        yield (int(draw[0]), int(draw[1])), (int(draw[2]), int(draw[3]))


def compare_resizes(tool, report, folder):
    random = np.random.default_rng(20240607)
    fits = list(FITS)
    for index, (source, target) in enumerate(sizes(random)):
        mode = ("RGB", "L", "RGBA", "RGB", "LA")[index % 5]
        image = noise(random, source, mode)
        path = os.path.join(folder, "source.png")
        image.save(path, compress_level=1)
        compare_pixels(tool, report, path, image, target, "stretch")
        try:
            compare_pixels(tool, report, path, image, target, fits[1 + index % 3])
        except ValueError:
            pass  # ImageOps.contain asks for a side of 0, where ours is 1
        compare_pixels(tool, report, path, image.convert("RGB"), target, "stretch", 1)


def write_png16(path, values):
    """Pillow writes no 16-bit colour."""
    height, width = values.shape[:2]
    color = {1: 0, 2: 4, 3: 2, 4: 6}[values.shape[2]]

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def compare_deep(tool, report, folder):
    """16 bits: Pillow takes the high byte of colour; for grey it clips, so numpy stands in for it there."""
    random = np.random.default_rng(16)
    for bands in (1, 2, 3, 4):
        for source, target in [((40, 30), (40, 30)), ((61, 47), (20, 15)), ((13, 9), (50, 41))]:
            values = random.integers(0, 65536, (source[1], source[0], bands), np.uint16)
            path = os.path.join(folder, "deep.png")
            write_png16(path, values)
            image = Image.fromarray((values[..., 0] >> 8).astype(np.uint8), "L") if bands == 1 else Image.open(path)
            compare_pixels(tool, report, path, image, target, "stretch")


def compare_codecs(tool, report, folder):
    """Full decodes of what Pillow writes, at odd sizes."""
    random = np.random.default_rng(3)
    variants = [("jpg", {"quality": 90, "subsampling": s}) for s in (0, 1, 2)]
    variants += [("jpg", {"quality": 60, "progressive": True}), ("webp", {"quality": 80}), ("webp", {"lossless": True}),
                 ("png", {})]
    for extension, options in variants:
        for mode in ("RGB", "L", "CMYK", "RGBA"):
            if extension == "jpg" and mode == "RGBA" or extension != "jpg" and mode == "CMYK":
                continue
            for size in ((1, 1), (7, 9), (16, 16), (17, 31), (133, 77), (256, 255)):
                path = os.path.join(folder, "codec." + extension)
                noise(random, size, mode).save(path, **options)
                width, height, data = tool.ask("decode " + path)
                ours = np.frombuffer(data, np.uint8).reshape(height, width, 3)
                report.add("%s %s %s" % (extension, mode, options), ours, np.asarray(Image.open(path).convert("RGB")))


def compare_tensors(tool):
    """The textbook formula in double, after Pillow's resize."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    worst = 0
    for name in ("baseline_420.jpg", "rgba.png", "lossy.webp", "orientation_6.jpg"):
        path = os.path.join(IMAGES, name)
        image = ImageOps.exif_transpose(Image.open(path)).convert("RGB").resize((32, 24), BILINEAR)
        width, height, data = tool.ask("tensor 32 24 0 3 " + path)
        ours = np.frombuffer(data, np.float32).reshape(3, height, width)
        theirs = ((np.asarray(image).astype(float) / 255 - mean) / std).transpose(2, 0, 1)
        worst = max(worst, np.abs(ours - theirs).max())
    return worst


def main():
    tool = Tool(sys.argv[1])
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        compare_resizes(tool, report, folder)
        compare_deep(tool, report, folder)
        compare_codecs(tool, report, folder)
    worst = compare_tensors(tool)
    print("%d pictures: %d equal in every byte, %d within 1/255, %d not" %
          (report.total, report.equal, report.close, len(report.failures)))
    print("tensors: at most %.2g from the formula in double" % worst)
    for failure in report.failures[:20]:
        print(failure)
    enough = report.total >= 200
    return 0 if enough and not report.failures and worst < 1e-5 else 1


if __name__ == "__main__":
    sys.exit(main())
