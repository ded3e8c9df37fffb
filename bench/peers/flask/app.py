# SPDX-License-Identifier: Apache-2.0
"""The service in Flask. Served by gunicorn, with threads or with gevent: see bench/peers/README.md."""

import time

from flask import Flask, jsonify, request
from pydantic import ValidationError

import pauses
import service

app = Flask(__name__)
app.json.sort_keys = False


@app.get("/livez")
def livez():
    return jsonify(status="ok")


@app.post("/v1/classify")
def classify():
    began = time.perf_counter()
    try:
        document = service.Classify.model_validate_json(request.get_data())
    except ValidationError as error:
        return app.response_class(error.json(), 422, mimetype="application/json")
    return jsonify(service.classify(document, began))


@app.post("/v1/text-orientation")
def text_orientation():
    began = time.perf_counter()
    try:
        return jsonify(service.turn(request.get_data(), began))
    except OSError as error:
        return jsonify(detail=str(error)), 422


@app.post("/debug/pauses")
def start_watch():
    pauses.watch.start()
    return jsonify(status="ok")


@app.get("/debug/pauses")
def tell_pauses():
    return jsonify(pauses.watch.told())
