"""The least that answers a POST with FastAPI: a constant, under the settings of `serve`.

With its answer annotated FastAPI takes a shorter way: `annotated` as second argument asks for that.
The first argument is the port.
"""

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI()


async def bare():  # type: ignore[no-untyped-def]  # the annotation is what makes the difference
    return {"prediction": 1, "probability": 0.5}


async def annotated() -> dict[str, float]:
    return {"prediction": 1, "probability": 0.5}


app.post("/predict")(annotated if sys.argv[2:] == ["annotated"] else bare)


uvicorn.run(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    loop="uvloop",
    http="httptools",
    log_level="warning",
    access_log=False,
    server_header=False,
    proxy_headers=False,
    ws="none",
    timeout_graceful_shutdown=30,
)
