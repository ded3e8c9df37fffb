# SPDX-License-Identifier: Apache-2.0
"""The three routes that every peer serves, and what is sent to them."""

import json
import os

import harness

IMAGES = os.path.join(harness.ROOT, "examples/images")
JSON = "application/json"


class Route:
    def __init__(self, name, title, method, path, body=None, media_type=None, connections=64):
        self.name = name
        self.title = title
        self.method = method
        self.path = path
        self.body = body
        self.media_type = media_type
        self.connections = connections

    def told(self):
        return {"title": self.title, "method": self.method, "path": self.path, "connections": self.connections}


def image(name):
    with open(os.path.join(IMAGES, name), "rb") as file:
        return file.read()


def document(**changes):
    tensor = {"name": "x", "shape": [1, 8], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2, -1.25, 0.75, 2.5, -0.5]}
    tensor.update(changes)
    return json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()


PLAIN = Route("plain", "plain JSON", "GET", "/livez")
CLASSIFY = Route("json", "validated JSON inference", "POST", "/v1/classify", document(), JSON)
IMAGE = Route("image", "image inference", "POST", "/v1/text-orientation", image("upside-down-1.jpg"), "image/jpeg", connections=16)
ALL = (PLAIN, CLASSIFY, IMAGE)
BY_NAME = {route.name: route for route in ALL}
