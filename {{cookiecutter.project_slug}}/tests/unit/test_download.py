"""Fetching a source: what the server does wrong is told as what it is, and silence has an end."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from {{ cookiecutter.package_name }}.data import download
from {{ cookiecutter.package_name }}.errors import UserError

TABLE = b"a,b,y\n1,2,true\n"


class Server(http.server.BaseHTTPRequestHandler):
    """Answers /500/... with that status, /loop with itself, /half and /silent by half of a file."""

    released = threading.Event()
    silences = 0  # how often the second half has been left out
    most_silences = 99

    def do_HEAD(self) -> None:
        kind = self.path.split("/")[1]
        self.send_response(int(kind) if kind.isdigit() else 302 if kind == "loop" else 200)
        if kind == "loop":
            self.send_header("Location", self.path)
        self.send_header(
            "Content-Length", str(len(TABLE) if kind in ("half", "silent", "200") else 0)
        )
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        if self.path.startswith("/silent") and Server.silences < Server.most_silences:
            Server.silences += 1
            self.wfile.write(TABLE[:6])
            self.wfile.flush()
            self.released.wait(60)
        elif self.path.startswith(("/silent", "/200")):
            self.wfile.write(TABLE)
        elif self.path.startswith("/half"):
            self.wfile.write(TABLE[:6])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Server, "released", threading.Event())
    monkeypatch.setattr(Server, "silences", 0)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://user:secret@127.0.0.1:{server.server_port}"
    Server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("path", "named", "code"),
    [
        ("401/t.csv", "asks who you are .HTTP 401.: data.source needs credentials", 1),
        ("403/t.csv", "refuses access .HTTP 403.", 1),
        ("404/t.csv", "no such file .HTTP 404.", 2),
        ("500/t.csv", "answers with HTTP 500; try again later", 1),
        ("418/t.csv", "answers with HTTP 418", 1),
        ("loop/t.csv", "redirects in a circle", 1),
    ],
)
def test_what_the_server_answers_is_told(
    web: str, tmp_path: Path, path: str, named: str, code: int
) -> None:
    with pytest.raises(UserError, match=named) as caught:
        download.fetch(f"{web}/{path}?token=secret", tmp_path / "t.csv")
    assert caught.value.code == code
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_that_breaks_off_is_told(web: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="broke off in the middle of the file; try again"):
        download.fetch(f"{web}/half/t.csv", tmp_path / "t.csv")


def test_silence_ends(web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "READ_SECONDS", 0.3)
    with pytest.raises(UserError, match=r"has sent nothing for 0.3 s, 2 times"):
        download.fetch(f"{web}/silent/t.csv", tmp_path / "t.csv")
    assert Server.silences >= 2


def test_after_silence_it_is_tried_once_more(
    web: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "READ_SECONDS", 0.3)
    monkeypatch.setattr(Server, "most_silences", 1)
    digest = download.fetch(f"{web}/silent/t.csv", tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == TABLE
    assert digest == hashlib.sha256(TABLE).hexdigest()
