#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes orientation.json: what the text-orientation model answers, computed without a line of weir.

Needs python3-pil and python3-numpy of Debian 12, and onnxruntime 1.30.0 from PyPI:

    python3 -m venv --system-site-packages /tmp/reference
    /tmp/reference/bin/pip install onnxruntime==1.30.0
    /tmp/reference/bin/python tests/reference/make_orientation.py

The file is committed, so tests need neither. The arithmetic, step by step:

 1. decode; apply the EXIF orientation; of 16-bit samples the high byte counts; alpha is dropped, not composited;
    grey becomes three equal channels.                                          -> pixels_sha256 (RGB, row by row)
 2. stretch to 192 x 48 with Pillow's BILINEAR (triangle filter, antialiased).   -> resized_sha256 (RGB, row by row)
 3. x = (pixel / 255 - 0.5) / 0.5 in float32, channels first, RGB.
 4. one thread, one image for each run; the output is a softmax: [p("0"), p("180")].
"""

import hashlib
import json
import pathlib

import numpy
import onnxruntime
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODEL = ROOT / "build/deps/models/text-orientation.onnx"
LABELS = ["0", "180"]
WIDTH, HEIGHT = 192, 48


def decode(path):
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's convert would clip
        image = Image.fromarray((numpy.asarray(image) >> 8).astype(numpy.uint8))
    return image.convert("RGB")


def tensor(resized):
    x = numpy.asarray(resized, numpy.float32)
    x = (x / numpy.float32(255) - numpy.float32(0.5)) / numpy.float32(0.5)
    return numpy.ascontiguousarray(x.transpose(2, 0, 1))[None]


def sha256(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


def main():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(MODEL), options)
    name = session.get_inputs()[0].name

    def run(x):
        return [float(p) for p in session.run(None, {name: x})[0][0]]

    images = []
    for path in sorted((ROOT / "examples/images").iterdir()):
        pixels = decode(path)
        resized = pixels.resize((WIDTH, HEIGHT), Image.BILINEAR)
        probabilities = run(tensor(resized))
        best = int(numpy.argmax(probabilities))
        expected = "0" if path.name.startswith("upright") else "180"
        assert LABELS[best] == expected and probabilities[best] > 0.9, (path.name, probabilities)
        images.append(
            {
                "file": path.name,
                "width": pixels.width,
                "height": pixels.height,
                "pixels_sha256": sha256(pixels),
                "resized_sha256": sha256(resized),
                "result": LABELS[best],
                "confidence": probabilities[best],
                "probabilities": probabilities,
            }
        )

    tensors = []  # for the JSON routes: every element of the input has one value
    for fill in (-1.0, 0.0, 0.25, 1.0):
        x = numpy.full((1, 3, HEIGHT, WIDTH), fill, numpy.float32)
        tensors.append({"fill": fill, "shape": list(x.shape), "probabilities": run(x)})

    reference = {
        "model_sha256": hashlib.sha256(MODEL.read_bytes()).hexdigest(),
        "onnxruntime": onnxruntime.__version__,
        "labels": LABELS,
        "tolerance": 1e-4,
        "images": images,
        "tensors": tensors,
    }
    (HERE / "orientation.json").write_text(json.dumps(reference, indent=2) + "\n")


if __name__ == "__main__":
    main()
