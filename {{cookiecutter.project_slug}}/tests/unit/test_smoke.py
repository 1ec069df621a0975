"""The smoke test of a running API: the right version passes, each fault is told in one line."""

import importlib.util
import json
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

PATH = Path(__file__).parents[2] / "scripts/smoke.py"
SPEC = importlib.util.spec_from_file_location("smoke", PATH)
assert SPEC is not None
assert SPEC.loader is not None
smoke = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(smoke)

VERSION_2 = "v0.2"


@pytest.fixture
def ask(
    folder: Path,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str]]:
    """Run the script as a person does; return its exit code and the one line that it says."""
    variables = {"STORE": str(store), "POLL_SECONDS": "0.01"}
    for name, value in variables.items():
        monkeypatch.setenv(smoke.variable("serve", name), value)

    def run(url: str, *more: str) -> tuple[int, str]:
        code = smoke.main([url, *more])
        said = capsys.readouterr()
        (line,) = (said.out + said.err).splitlines()
        return code, line

    return run


def url(api: SimpleNamespace) -> str:
    return f"http://127.0.0.1:{api.port}"


def change(store: Path, version: str, changed: Callable[[dict[str, Any]], None]) -> None:
    """Change what a version of the store should predict, as its metadata has it."""
    path = store / version / "metadata.json"
    metadata = json.loads(path.read_text("utf-8"))
    changed(metadata)
    path.write_text(json.dumps(metadata), "utf-8")


def second(store: Path) -> None:
    """Add a version of another name."""
    shutil.copytree(store / "v0.1", store / VERSION_2)
    change(store, VERSION_2, lambda metadata: metadata.update(version=VERSION_2))


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Serve one answer to every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_the_champion_that_is_served_passes(
    api: SimpleNamespace, ask: Callable[..., tuple[int, str]]
) -> None:
    for more in ((), ("--version", "v0.1")):
        code, said = ask(url(api), *more)
        assert code == 0, said
        assert re.fullmatch(rf"{url(api)} serves v0\.1: all \d+ golden rows agree", said)


def test_this_project_passes(
    own_api: SimpleNamespace,
) -> None:
    assert "golden rows agree" in smoke.check(url(own_api), own_api.service.settings)


def test_a_changed_answer_is_told(
    api: SimpleNamespace, store: Path, ask: Callable[..., tuple[int, str]]
) -> None:
    def changed(metadata: dict[str, Any]) -> None:
        golden = metadata["golden"][-1]
        golden["prediction"] = [value + 1e-3 for value in golden["prediction"]]

    change(store, "v0.1", changed)
    code, said = ask(url(api))
    assert code == 1
    assert "answers golden row " in said
    assert " of v0.1 with [" in said


def test_another_version_is_told(
    api: SimpleNamespace, store: Path, ask: Callable[..., tuple[int, str]]
) -> None:
    second(store)
    code, said = ask(url(api), "--version", VERSION_2)
    assert (code, said) == (1, f"error: {url(api)} serves v0.1, not v0.2")


def test_a_champion_that_has_just_changed_is_waited_for(
    serve: Callable[..., Any],
    store: Path,
    ask: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serve(poll_seconds=3600) as api:
        second(store)
        (store / "champion.json").write_text('{"version": "v0.2"}', "utf-8")
        monkeypatch.setattr(smoke.time, "sleep", lambda _: api.service.refresh())
        code, said = ask(url(api))
    assert code == 0, said
    assert "serves v0.2" in said


def test_a_server_that_is_away_is_told(ask: Callable[..., tuple[int, str]]) -> None:
    with socket.socket() as taken:  # bound, and not listening
        taken.bind(("127.0.0.1", 0))
        code, said = ask(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert code == 1
    assert "cannot be reached" in said


def test_a_refused_key_is_told(
    serve: Callable[..., Any],
    ask: Callable[..., tuple[int, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variable = smoke.variable("serve", "api_key")
    with serve(api_key="the right one") as api:
        code, said = ask(url(api))
        assert (code, said) == (1, f"error: {url(api)} refuses the key: set {variable}")
        monkeypatch.setenv(variable, "the right one")
        assert ask(url(api))[0] == 0


def test_something_else_at_the_url_is_told(ask: Callable[..., tuple[int, str]]) -> None:
    for status, body, told in (
        (200, b"<html>", "answers 200, not as this API does"),
        (502, b"Bad gateway", "answers 502, not as this API does"),
        (503, b'{"detail": "no model"}', "answers 503: no model"),
        (200, b"[1]", "answers 200, not as this API does"),
        (200, b'{"model_version": "v0.1"}', "answers 200: "),
    ):
        with answering(status, body) as where:
            code, said = ask(where)
        assert code == 1
        assert told in said


def test_a_url_that_is_none_is_wrong_use(ask: Callable[..., tuple[int, str]]) -> None:
    code, said = ask("127.0.0.1:8000")
    assert code == 2
    assert "write it like http://" in said
