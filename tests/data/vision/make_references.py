#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes references.h: what NumPy, OpenCV and RapidOCR (which has PP-OCR's post-processing) say of made-up input.

Needs numpy, opencv-python and rapidocr-onnxruntime from PyPI. The result is committed, so nobody has to run this.
The input is made of the same numbers here and in tests/unit/lib/vision/*_test.c.
"""

import math
import pathlib

import numpy as np
from rapidocr_onnxruntime.ch_ppocr_det.utils import DBPostProcess

# Text kernels in a map of 320 x 240: middle, size, degrees, probability.
KERNELS = [
    (100, 40, 120, 14, 0, 0.9),
    (230, 60, 90, 12, 20, 0.8),
    (80, 120, 100, 16, -35, 0.95),
    (220, 150, 20, 90, 0, 0.85),
    (280, 220, 60, 10, 5, 0.7),
    (60, 220, 70, 12, 0, 0.4),  # too faint
    (150, 200, 4, 2, 0, 0.9),  # too small
]


def kernel_map(width=320, height=240):
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    out = np.full((height, width), 0.02, np.float32)
    for cx, cy, w, h, degrees, value in KERNELS:
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        u = (x - cx) * c + (y - cy) * s
        v = -(x - cx) * s + (y - cy) * c
        out[(abs(u) <= w / 2) & (abs(v) <= h / 2)] = value
    return out


def noise(seed, count):
    """The generator of the tests: numbers of 0..65535."""
    out = []
    for _ in range(count):
        seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
        out.append(seed >> 16)
    return out


def cubic(t):
    a = -0.75
    t = abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def crop(image, quad, width, height):
    """By the 8 x 8 linear system of a homography, and bicubic weights pixel by pixel."""
    target = [(0, 0), (width, 0), (width, height), (0, height)]
    rows, right = [], []
    for (u, v), (x, y) in zip(target, quad):
        rows += [[u, v, 1, 0, 0, 0, -u * x, -v * x], [0, 0, 0, u, v, 1, -u * y, -v * y]]
        right += [x, y]
    m = np.append(np.linalg.solve(np.array(rows, float), np.array(right, float)), 1).reshape(3, 3)
    out = np.zeros((height, width, 3))
    for v in range(height):
        for u in range(width):
            x, y, w = m @ [u, v, 1]
            x, y = x / w, y / w
            left, top = math.floor(x), math.floor(y)
            for j in range(-1, 3):
                for i in range(-1, 3):
                    pixel = image[min(max(top + j, 0), image.shape[0] - 1), min(max(left + i, 0), image.shape[1] - 1)]
                    out[v, u] += cubic(x - left - i) * cubic(y - top - j) * pixel
    return np.clip(np.floor(out + 0.5), 0, 255).astype(int)


def iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    common = max(w, 0) * max(h, 0)
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def nms(boxes, scores, overlap, least):
    order = sorted((i for i in range(len(scores)) if scores[i] >= least), key=lambda i: (-scores[i], i))
    kept = []
    for i in order:
        if all(iou(boxes[i], boxes[k]) <= overlap for k in kept):
            kept.append(i)
    return kept


def array(kind, name, values, form=repr):
    return f"static const {kind} {name}[] = {{{', '.join(form(v) for v in values)}}};\n"


def main():
    out = ["/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by tests/data/vision/make_references.py. */\n",
           "#ifndef WEIR_TESTS_DATA_VISION_REFERENCES_H\n#define WEIR_TESTS_DATA_VISION_REFERENCES_H\n\n",
           "/* clang-format off */\n", "#include <stdint.h>\n\n"]
    real = lambda v: f"{float(v):.6f}F"

    post = DBPostProcess(thresh=0.3, box_thresh=0.5, max_candidates=1000, unclip_ratio=1.6, use_dilation=False)
    boxes, scores = post(kernel_map()[None, None], (480, 640))[:2]
    order = sorted(range(len(boxes)), key=lambda i: boxes[i][0][1])
    out.append(array("float", "text_box_corners", [c for i in order for p in boxes[i] for c in p], real))
    out.append(array("float", "text_box_scores", [scores[i] for i in order], real))

    pixels = np.array([v & 255 for v in noise(3, 24 * 16 * 3)]).reshape(16, 24, 3)
    quad = [(4.0, 2.0), (19.0, 4.5), (17.0, 13.0), (2.5, 10.0)]
    out.append(array("uint8_t", "cropped", crop(pixels, quad, 14, 8).ravel(), lambda v: str(int(v))))

    numbers = noise(11, 400)
    rects = [(n[0] % 200, n[1] % 200, n[0] % 200 + 1 + n[2] % 60, n[1] % 200 + 1 + n[3] % 60)
             for n in (numbers[i : i + 4] for i in range(0, 400, 4))]
    scores = [v / 65536 for v in noise(12, 100)]
    out.append(array("uint32_t", "kept_boxes", nms(rects, scores, 0.3, 0.2), str))

    row = np.array([v / 8192 - 4 for v in noise(21, 12)])
    out.append(array("float", "softmax_of_noise", np.exp(row - row.max()) / np.exp(row - row.max()).sum(), real))
    out.append("/* clang-format on */\n#endif\n")
    pathlib.Path(__file__).with_name("references.h").write_text("".join(out), encoding="utf-8")


if __name__ == "__main__":
    main()
