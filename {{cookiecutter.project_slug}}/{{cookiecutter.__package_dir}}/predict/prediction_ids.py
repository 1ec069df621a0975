"""Prediction ids that carry what was predicted, signed, so that feedback needs no memory.

`<version>_<time>_<number>_<score>_<signature>`: milliseconds since 1970 and a number without
repetition, both hexadecimal; the score is the predicted number, of two classes the positive class's
probability, of more that of the predicted class, with a colon and which class that is.
"""

import hashlib
import os
import time
from dataclasses import dataclass
from itertools import count

SIGNATURE_BYTES = 9
MOST_LENGTH = 128


@dataclass(frozen=True)
class Predicted:
    """What an id says of its prediction."""

    version: str
    time: float  # seconds since 1970
    score: float
    predicted_class: int | None = None  # its index, with more than two


class PredictionIds:
    """Makes and reads ids; all processes with the same key read each other's."""

    def __init__(self, key: bytes) -> None:
        self._signed = hashlib.blake2b(key=key[:64], digest_size=SIGNATURE_BYTES)
        self._prefix = int.from_bytes(os.urandom(5), "big") << 32
        self._number = count(self._prefix)

    def new(self, version: str, score: float, predicted_class: int | None = None) -> str:
        """Return the id of a new prediction."""
        text = f"{version}_{int(time.time() * 1000):x}_{next(self._number):x}_{score:.6g}"
        if predicted_class is not None:
            text += f":{predicted_class}"
        return f"{text}_{self._sign(text)}"

    def read(self, prediction_id: str) -> Predicted | None:
        """Return what an id says, or None where it is none of ours."""
        text, _, signature = prediction_id.rpartition("_")
        if signature != self._sign(text):
            return None
        version, moment, _, score = text.split("_")
        score, _, index = score.partition(":")
        predicted_class = int(index) if index else None
        return Predicted(version, int(moment, 16) / 1000, float(score), predicted_class)

    def _sign(self, text: str) -> str:
        signed = self._signed.copy()
        signed.update(text.encode("utf-8", "surrogatepass"))
        return signed.hexdigest()
