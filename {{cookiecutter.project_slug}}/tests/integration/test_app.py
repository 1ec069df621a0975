"""The demo as a process, clicked through in a real browser; no request may leave this machine."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from {{ cookiecutter.package_name }}.reports.style import number

from app.demo import Demo
from app.form import Field, example_labels, form_values

pytest.importorskip("playwright", reason="no page was clicked: `make test-app` installs Playwright")
from playwright.sync_api import Locator, Page, expect, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS = 30_000  # milliseconds that the page may take on a busy machine
COMMAND = ["-m", "app.app", "--port", "PORT"]


@pytest.fixture
def demo(promoted: SimpleNamespace) -> Demo:
    """What the page should say."""
    return Demo(promoted.config)


@pytest.fixture
def server(started: Callable[..., Any], promoted: SimpleNamespace) -> Iterator[SimpleNamespace]:
    shutil.copytree(Path(__file__).parents[2] / "app", promoted.folder / "app", dirs_exist_ok=True)
    with started(COMMAND, promoted.folder, "/") as running:
        yield running


def browser_path() -> str | None:
    """Return a browser of this machine, or None for the one that Playwright brings."""
    named = os.environ.get("BROWSER_PATH")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def opened(url: str, screenshot: Path) -> Iterator[Page]:
    """Open the page; at the end nothing may have gone elsewhere, and the console must be quiet."""
    with sync_playwright() as playwright:
        path = browser_path()
        if path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip(
                "the page was not clicked: no browser found. Install chromium or google-chrome, "
                "name one in BROWSER_PATH, or run: .venv/bin/playwright install chromium"
            )
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        page = browser.new_page()
        page.set_default_timeout(SECONDS)
        expect.set_options(timeout=SECONDS)
        requests: list[str] = []
        messages: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: messages.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.goto(url)
        yield page
        page.screenshot(path=screenshot, full_page=True)
        browser.close()
    assert requests
    assert [one for one in requests if not one.startswith((url, "data:", "blob:"))] == []
    # A page with status 422 is what was asked for; the browser logs it as an error.
    assert [one for one in messages if "422" not in one] == []


def box(page: Page, field: Field) -> Locator:
    """Return what is typed into for a number or a date."""
{% if cookiecutter.demo_app == 'gradio' %}
    block = page.locator("[id^=field-]").filter(has=page.get_by_text(field.name, exact=True))
    return block.locator("input, textarea").first
{% else %}
    return page.get_by_label(field.name, exact=True)
{% endif %}


def fill(page: Page, field: Field, text: str) -> None:
    """Type into a field for a number or a date."""
{% if cookiecutter.demo_app == 'gradio' %}
    box(page, field).fill(text)
{% else %}
    box(page, field).fill(text.replace(" ", "T") if field.kind == "datetime" else text)
{% endif %}


def large_text(demo: Demo, typed: dict[str, str]) -> str:
    """Return what stands large in the page for these values."""
    prediction = demo.predict(typed).result["prediction"]
    return number(prediction) if isinstance(prediction, float) else str(prediction)


def shares(demo: Demo, typed: dict[str, str]) -> list[str]:
    """Return the figures that stand beside it."""
    result = demo.predict(typed).result
    if "probabilities" in result:
        return [f"{share:.1%}" for share in result["probabilities"].values()][:8]
    return [number(result["lower"]), number(result["upper"])]


def test_a_person_tries_the_model(server: SimpleNamespace, demo: Demo, tmp_path: Path) -> None:
    fields, examples = demo.fields(), demo.examples()
    typed = {field.name: field.start for field in fields}
    last = form_values(examples[-1])
    with opened(server.url, tmp_path / "page.png") as page:
        answer, large = page.locator("#answer"), page.locator("#answer .big")

        def says(values: dict[str, str]) -> None:
            expect(large).to_contain_text(large_text(demo, values).replace("-", "\N{MINUS SIGN}"))
            for share in shares(demo, values):
                expect(answer).to_contain_text(share.replace("-", "\N{MINUS SIGN}"))

        says(typed)

        # A value of the other example in each field that can be typed into.
        for field in fields:
            if field.kind in ("number", "integer", "datetime"):
                typed[field.name] = last[field.name]
                fill(page, field, last[field.name])
        page.get_by_role("button", name="Predict", exact=True).click()
        says(typed)
        expect(page.locator("#reasons svg")).to_be_visible()
        expect(page.locator("#reasons")).to_contain_text(demo.about(demo.predict(typed)))

        numbers = {field.name: field for field in fields if field.kind in ("number", "integer")}
        other = [change.label for change in demo.changes() if change.column in numbers][-1]
{% if cookiecutter.demo_app == 'gradio' %}
        choice = page.get_by_label("What if another value stood here?")
        choice.fill(other)
        choice.press("Enter")
{% else %}
        page.get_by_label("What if another value stood here?").select_option(label=other)
        page.get_by_role("button", name="Show").click()
{% endif %}
        expect(page.locator("#what-if svg")).to_contain_text(other.split(":")[0][:20])
        says(typed)

        name, field = next(iter(numbers.items()))
        fill(page, field, "other than the example")
        page.get_by_text(example_labels(examples)[-1], exact=True).click()
        expect(box(page, field)).to_have_value(last[name])
        says(last)

        fill(page, field, "much")
        page.get_by_role("button", name="Predict", exact=True).click()
        expect(page.get_by_role("alert").first).to_contain_text(name)
        expect(large).to_have_count(0)

{% if cookiecutter.demo_app == 'gradio' %}
        page.get_by_role("tab", name="Model card").click()
{% else %}
        page.locator("summary").click()
{% endif %}
        expect(page.get_by_role("heading", name=re.compile("^Model card"))).to_be_visible()
    assert (tmp_path / "page.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [([], 1, "models promote"), (["--config", "none.yml"], 2, "none.yml")],
)
def test_it_says_why_it_cannot_start(
    arguments: list[str], code: int, reason: str, untrained: Any, tmp_path: Path
) -> None:
    shutil.copytree(Path(__file__).parents[2] / "app", tmp_path / "app")
    done = subprocess.run(
        [sys.executable, "-m", "app.app", *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert done.returncode == code, done.stderr
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
