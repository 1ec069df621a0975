"""The least that answers a POST with FastAPI: a constant, under the settings of `serve`.

The annotated answer makes FastAPI about 5 % quicker than it is without. Argument: the port.
"""

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI()


@app.post("/predict")
async def predict() -> dict[str, float]:
    return {"prediction": 0.5}


uvicorn.run(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    loop="uvloop",
    http="httptools",
    log_level="warning",
    access_log=False,
    server_header=False,
    timeout_graceful_shutdown=30,
)
