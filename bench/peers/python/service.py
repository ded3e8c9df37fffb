# SPDX-License-Identifier: Apache-2.0
"""What the Flask and the FastAPI peer share: the models, what requests and answers look like, an image as a tensor."""

import io
import os
import time
from typing import Annotated, Literal

import numpy
import onnxruntime
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

SIZE = (192, 48)


class Tensor(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: Literal["x"]
    shape: Annotated[list[Annotated[int, Field(ge=1, le=8)]], Field(min_length=2, max_length=2)]
    datatype: Literal["FP32"]
    data: Annotated[list[Annotated[float, Field(ge=-100, le=100)]], Field(min_length=8, max_length=8)]


class Classify(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    inputs: Annotated[list[Tensor], Field(min_length=1, max_length=1)]


class Answer(BaseModel):
    model_config = ConfigDict(protected_namespaces=())
    result: str
    confidence: float
    model: str
    model_version: str
    latency_ms: float


class Model:
    """A session of one thread, as all peers have it."""

    def __init__(self, name, path, labels):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.name = name
        self.labels = labels
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def answer(self, tensor, began, is_logits):
        scores = self.session.run(None, {self.input: tensor})[0][0]
        if is_logits:
            powers = numpy.exp(scores - scores.max())
            scores = powers / powers.sum()
        best = int(scores.argmax())
        return {"result": self.labels[best], "confidence": float(scores[best]), "model": self.name, "model_version": "1",
                "latency_ms": round((time.perf_counter() - began) * 1e3, 3)}


mlp = Model("mlp", os.environ["PEER_MLP"], ["setosa", "versicolor", "virginica"])
orientation = Model("text-orientation", os.environ["PEER_ORIENTATION"], ["0", "180"])
orientation.session.run(None, {orientation.input: numpy.zeros((1, 3, SIZE[1], SIZE[0]), numpy.float32)})


def classify(request, began):
    tensor = request.inputs[0]
    return mlp.answer(numpy.array(tensor.data, numpy.float32).reshape(tensor.shape), began, is_logits=True)


def turn(body, began):
    """Raises OSError where the body is no image."""
    image = Image.open(io.BytesIO(body)).convert("RGB").resize(SIZE, Image.Resampling.BILINEAR)
    pixels = (numpy.asarray(image, numpy.float32) / 255 - 0.5) / 0.5
    return orientation.answer(pixels.transpose(2, 0, 1)[numpy.newaxis], began, is_logits=False)
