"""The request of the usual ways to serve: the sample's columns, written down by hand."""

from datetime import datetime

from pydantic import BaseModel

TEXTS = ["carrier", "origin", "dest"]
NUMBERS = [
    *("distance", "departure_minute", "arrival_minute", "temp", "dewp", "humid", "wind_dir"),
    *("wind_speed", "wind_gust", "precip", "pressure", "visib"),
]


class Row(BaseModel):
    scheduled_departure: datetime
    carrier: str
    origin: str
    dest: str
    distance: int
    departure_minute: int
    arrival_minute: int
    temp: float | None = None
    dewp: float | None = None
    humid: float | None = None
    wind_dir: float | None = None
    wind_speed: float | None = None
    wind_gust: float | None = None
    precip: float | None = None
    pressure: float | None = None
    visib: float | None = None
