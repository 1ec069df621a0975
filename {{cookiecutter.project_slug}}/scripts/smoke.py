"""Ask a running API for the golden rows of the version that it should serve, and compare.

    .venv/bin/python scripts/smoke.py URL [--version vX.Y] [--config FILE]

That version is the champion of `serve.store`, unless one is named; its golden rows come from there.
The key is `serve.api_key`. Exit code 1 and one line, where the API cannot be reached, serves
another version or gives other answers.
"""

import argparse
import json
import sys
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from {{ cookiecutter.package_name }}.config import DEFAULT, Serve, load_config, variable
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models.model_io import (
    GOLDEN_TOLERANCE,
    GoldenRow,
    Metadata,
)
from {{ cookiecutter.package_name }}.models.registry import ModelRegistry, Promoted

TIMEOUT_SECONDS = 30


class Api:
    """The API at a URL."""

    def __init__(self, url: str, settings: Serve) -> None:
        """Remember where it is; UserError where the URL is none of http or https."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(f"{url}: write it like http://127.0.0.1:8000", 2)
        self.url, self._host, self._path = url, parts.netloc, parts.path.rstrip("/")
        self._connection = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._headers = {"content-type": "application/json"}
        if settings.api_key is not None:
            self._headers["x-api-key"] = settings.api_key.get_secret_value()

    def predict(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a row.

        Raises:
            UserError: There is none, or it is no prediction.
        """
        connection = self._connection(self._host, timeout=TIMEOUT_SECONDS)
        try:
            path = f"{self._path}/predict"
            connection.request("POST", path, json.dumps(row), self._headers)
            response = connection.getresponse()
            answer = dict(json.loads(response.read()))
        except (OSError, HTTPException) as error:
            raise UserError(f"{self.url} cannot be reached: {error}") from None
        except (TypeError, ValueError):
            raise UserError(f"{self.url} answers {response.status}, not as this API does") from None
        finally:
            connection.close()
        if response.status == 401:
            raise UserError(f"{self.url} refuses the key: set {variable('serve', 'api_key')}")
        if response.status != 200 or not answer.keys() >= {"model_version", "prediction"}:
            raise UserError(f"{self.url} answers {response.status}: {answer.get('detail', answer)}")
        return answer


def expected(registry: ModelRegistry, version: str | None) -> Metadata:
    """Return the metadata of the champion, or of the version that is named.

    Raises:
        UserError: It is not in the store, or not as it was written.
    """
    promoted = registry.needed_champion() if version is None else Promoted(version=version)
    return Metadata.read(registry.fetch_promoted(promoted))


def difference(answer: dict[str, Any], golden: GoldenRow) -> str:
    """Return how an answer differs from what a version must predict; an empty text if it agrees."""
    given = list(answer.get("probabilities", {"": answer["prediction"]}).values())
    allowed = GOLDEN_TOLERANCE * max(1.0, *map(abs, golden.prediction))
    if len(given) == len(golden.prediction) and all(
        abs(one - other) <= allowed for one, other in zip(given, golden.prediction, strict=True)
    ):
        return ""
    return f"{given} instead of {list(golden.prediction)}"


def check(url: str, settings: Serve, version: str | None = None) -> str:
    """Hold the answers of an API against golden rows, and say what agrees.

    A champion that has just changed is given the time in which servers take it over.

    Raises:
        UserError: It cannot be reached, serves another version or gives other answers.
    """
    api, registry = Api(url, settings), ModelRegistry(settings.store, settings.cache)
    known = expected(registry, version)
    if not known.golden:
        raise UserError(f"{known.version} has no golden rows")
    if api.predict(known.golden[0].row)["model_version"] != known.version:
        time.sleep(2 * settings.poll_seconds)
        known = expected(registry, version)
    for number, golden in enumerate(known.golden, 1):
        answer = api.predict(golden.row)
        if answer["model_version"] != known.version:
            raise UserError(f"{url} serves {answer['model_version']}, not {known.version}")
        if found := difference(answer, golden):
            raise UserError(f"{url} answers golden row {number} of {known.version} with {found}")
    return f"{url} serves {known.version}: all {len(known.golden)} golden rows agree"


def main(arguments: list[str] | None = None) -> int:
    """Ask; exit code 1 where something differs."""
    parser = argparse.ArgumentParser(prog="scripts/smoke.py", description=__doc__)
    parser.add_argument("url", help="such as http://127.0.0.1:8000")
    parser.add_argument("--version", help="that must be served; default: the store's champion")
    parser.add_argument("--config", type=Path, default=DEFAULT, help="configuration file")
    options = parser.parse_args(arguments)
    try:
        print(check(options.url, load_config(options.config).serve, options.version))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
