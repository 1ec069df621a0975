"""The model card: results are filled in, what people wrote stays byte for byte."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ruamel.yaml import YAML

from {{cookiecutter.package_name}}.data.schema import load_schema
from {{cookiecutter.package_name}}.errors import UserError
from {{cookiecutter.package_name}}.reports import documents
from {{cookiecutter.package_name}}.tracking.records import MODEL_CARD

ROOT = Path(__file__).parents[2]
PROSE = "Ünïcode prose,  two  blanks,\ttab and <!-- a comment -->\n\n\n* list\n"


def fill(trained: SimpleNamespace, path: Path) -> str:
    schema = load_schema(trained.config.paths.schema_)
    documents.update(path, MODEL_CARD, trained.evaluation, schema)
    return path.read_bytes().decode()


def front(text: str) -> dict[str, object]:
    values: dict[str, object] = YAML(typ="safe").load(text.split("---\n")[1])
    return values


def block(name: str) -> str:
    return f"<!-- run:{name} -->\nformer run\n<!-- /run:{name} -->\n"


def test_only_blocks_and_front_matter_change(trained: SimpleNamespace, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    former = "---\n# mine\nlicense: mit # keep\nmine: [1, 2]\ntags: [own]\n---\n"
    card.write_bytes((former + PROSE + block("metrics") + PROSE + block("data") + PROSE).encode())
    text = fill(trained, card)
    body = text.split("---\n", 2)[2]
    pieces = re.split(r"<!-- run:\w+ -->.*?<!-- /run:\w+ -->\n", body, flags=re.DOTALL)
    assert pieces == [PROSE, PROSE, PROSE]
    assert "former run" not in text
    assert "# mine\nlicense: mit # keep\nmine: [1, 2]\n" in text
    head = front(text)
    assert head["license"] == "mit"
    assert head["tags"][0] == "own"  # type: ignore[index]
    assert fill(trained, card) == text, "a second run must change nothing"


def test_the_model_index_holds_the_test_metrics(trained: SimpleNamespace, tmp_path: Path) -> None:
    head = front(fill(trained, tmp_path / "card.md"))
    (result,) = head["model-index"][0]["results"]  # type: ignore[index]
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    for name, compared in trained.evaluation.metrics.items():
        assert values[name] == pytest.approx(compared.model.value, abs=1e-6)
    assert result["dataset"]["split"] == "test"
    assert head["pipeline_tag"] == f"tabular-{trained.evaluation.task}"


def test_a_missing_card_is_made_with_every_block_filled(
    trained: SimpleNamespace, tmp_path: Path
) -> None:
    text = fill(trained, tmp_path / "card.md")
    names = re.findall(r"<!-- run:(\w+) -->", text)
    assert sorted(names) == ["data", "details", "features", "metrics", "slices"]
    for name in names:
        content = re.search(rf"<!-- run:{name} -->(.*?)<!-- /run:{name} -->", text, re.DOTALL)
        assert content
        assert len(content[1].strip()) > 30, name


def test_the_card_of_this_project_can_be_filled(own: SimpleNamespace, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    if (ROOT / "model_card.md").exists():  # `schema infer` puts it away, `evaluate` makes another
        card.write_bytes((ROOT / "model_card.md").read_bytes())
    assert own.evaluation.version in fill(own, card)


def test_windows_line_ends_stay(trained: SimpleNamespace, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    head = "---\n# mine\nlicense: mit\n---\n"
    card.write_bytes((head + "# Card\n" + block("metrics")).replace("\n", "\r\n").encode())
    text = fill(trained, card)
    assert text.count("\n") == text.count("\r\n")
    assert fill(trained, card) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Card\n", "no block to fill"),
        (block("nonsense"), "line 1: no block 'nonsense'"),
        ("\n<!-- run:data -->\n", "line 2: `run:data` is not followed by"),
        ("<!-- run:data -->\n<!-- /run:metrics -->\n", "is not followed by `/run:data`"),
        ("<!-- /run:data -->\n<!-- run:data -->\n", "is not followed by"),
        (block("data") + block("data"), "stands twice"),
        ("---\na: [1\n---\n" + block("data"), "front matter is not YAML"),
        ("---\n- a\n---\n" + block("data"), "must be `key: value` lines"),
    ],
)
def test_a_broken_card_is_named_and_left_alone(
    trained: SimpleNamespace, tmp_path: Path, text: str, message: str
) -> None:
    card = tmp_path / "card.md"
    card.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=re.escape(message)):
        fill(trained, card)
    assert card.read_text(encoding="utf-8") == text


def test_texts_from_the_data_cannot_end_a_cell_or_a_block(
    trained: SimpleNamespace, tmp_path: Path
) -> None:
    evil = "a | b\n<!-- /run:slices --> <script>"
    slices = [replace(part, value=evil, weak=True) for part in trained.evaluation.slices]
    changed = SimpleNamespace(**vars(trained))
    changed.evaluation = replace(trained.evaluation, slices=slices, notes=[evil])
    card = tmp_path / "card.md"
    text = fill(changed, card)
    assert "<script>" not in text
    assert "a | b" not in text
    assert fill(changed, card) == text
