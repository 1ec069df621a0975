"""The demo's page: answers are links, mistakes stand beside their fields, nothing is trusted."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from app.demo import Demo
from app.form import form_values

pytest.importorskip("markdown_it", reason="`make test-app` installs markdown-it-py")
from app.html_app import CHANGE, application

HOSTILE = """"><script>alert('x')</script><i a='"""


@pytest.fixture(scope="module")
def client(demo: Demo) -> Iterator[TestClient]:
    with TestClient(application(demo)) as client:
        yield client


def large(text: str) -> str:
    match = re.search(r'<p class="big">(.*?)</p>', text)
    assert match is not None, text
    return unescape(match[1])


def test_first_page_answers_for_the_first_example(demo: Demo, client: TestClient) -> None:
    answered = client.get("/")
    row = form_values(demo.examples()[0])
    assert answered.status_code == 200
    again = client.get("/?" + urlencode(row))
    assert large(answered.text) == large(again.text)


def test_examples_are_links(demo: Demo, client: TestClient) -> None:
    links = re.findall(r'<a href="(\?[^"]*)"', client.get("/").text)
    rows = demo.examples()
    assert len(links) == len(rows)
    for link, row in zip(links, rows, strict=True):
        answered = client.get("/" + unescape(link))
        assert answered.status_code == 200
        prediction = demo.predict(form_values(row))
        assert large(answered.text).startswith(str(prediction.result["prediction"])[:3])


def test_mistakes_stand_beside_their_fields(demo: Demo, client: TestClient) -> None:
    field = next(f for f in demo.fields() if f.kind in ("number", "integer", "datetime"))
    start = {one.name: one.start for one in demo.fields()}
    answered = client.get("/", params=start | {field.name: "much"})
    assert answered.status_code == 422
    assert 'class="big"' not in answered.text
    parts = answered.text.split('<div class="field">')
    (beside,) = [part for part in parts if 'class="rule"' in part]
    assert f">{field.name}</label>" in unescape(beside)
    assert answered.text.count('aria-invalid="true"') == 1


def test_what_if_can_be_chosen(demo: Demo, client: TestClient) -> None:
    start = {field.name: field.start for field in demo.fields()}
    for change in demo.changes():
        text = client.get("/", params=start | {CHANGE: change.label}).text
        assert f"<option selected>{change.label}</option>" in unescape(text)


def test_hostile_text_is_only_text(demo: Demo, client: TestClient) -> None:
    everywhere = {field.name: HOSTILE for field in demo.fields()} | {CHANGE: HOSTILE}
    answered = client.get("/", params=everywhere)
    assert answered.status_code == 422
    assert "<script" not in answered.text
    assert "<i a=" not in answered.text


def test_nothing_comes_from_elsewhere(client: TestClient) -> None:
    answered = client.get("/")
    assert "default-src 'none'" in answered.headers["content-security-policy"]
    assert answered.headers["x-content-type-options"] == "nosniff"
    links = re.findall(r'(?:src|href|action)="([^"]*)"', answered.text.split("<details")[0])
    assert links
    assert [link for link in links if not link.startswith(("?", "./", "data:", "#"))] == []


def test_card_is_markdown_without_html(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model_card.md").write_text("# Card of v0.1\n\n<script>x</script>\n\n**bold**\n", "utf-8")
    text = client.get("/").text
    assert "<h1>Card of v0.1</h1>" in text
    assert "<strong>bold</strong>" in text
    assert "<script" not in text
