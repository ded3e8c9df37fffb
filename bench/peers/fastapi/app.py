# SPDX-License-Identifier: Apache-2.0
"""The service in FastAPI, served by uvicorn with uvloop and httptools.

What takes microseconds runs in the loop; the image's milliseconds in the pool of threads, as FastAPI advises."""

import time

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

import pauses
import service

app = FastAPI()


@app.get("/livez")
async def livez():
    return {"status": "ok"}


@app.post("/v1/classify", response_model=service.Answer)
async def classify(document: service.Classify):
    return service.classify(document, time.perf_counter())


@app.post("/v1/text-orientation", response_model=service.Answer)
async def text_orientation(request: Request):
    began = time.perf_counter()
    try:
        return await run_in_threadpool(service.turn, await request.body(), began)
    except OSError as error:
        raise HTTPException(422, str(error)) from error


@app.post("/debug/pauses")
async def start_watch():
    pauses.watch.start()
    return {"status": "ok"}


@app.get("/debug/pauses")
def tell_pauses():
    return pauses.watch.told()
