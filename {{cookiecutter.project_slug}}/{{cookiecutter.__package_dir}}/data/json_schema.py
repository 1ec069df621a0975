"""JSON Schemas of the YAML files in configs/, by which editors complete and warn."""

import json
from pathlib import Path
from typing import Any

from ..config import Config
from ..utils.files import write_text
from ..utils.parts import load_part
from .schema import Schema

CONFIG, COLUMNS = "json_schema/config.json", "json_schema/columns.json"
"""Where they are, below the folder of the files that they describe."""
PACKAGE = Path(__file__).parents[1]


def first_line(name: str) -> str:
    """Return the comment by which editors find the schema of a YAML file."""
    return f"# yaml-language-server: $schema={name}\n"


def json_schemas() -> dict[str, str]:
    """Return the text of each schema by its name.

    A configuration may leave out what the file has that it `extends`, so no key is required there.
    """
    config = loosened(Config.model_json_schema(), partial=True)
    extends = {"type": "string", "description": "a file whose values these override"}
    config["properties"] = {"extends": extends, **config["properties"]}
    schemas = {CONFIG: config, COLUMNS: loosened(Schema.model_json_schema())}
    for path in sorted(PACKAGE.glob("*/*_settings.py")):  # of optional parts
        part = load_part(f"{path.parent.name}.{path.stem}", str(path))
        schemas[f"json_schema/{part.PATH.stem}.json"] = loosened(part.Settings.model_json_schema())
    return {
        name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas.items()
    }


def write_json_schemas(folder: Path) -> list[Path]:
    """Write the schemas below a folder, and return their paths."""
    for name, text in json_schemas().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_text(folder / name, text)
    return [folder / name for name in json_schemas()]


def loosened(schema: Any, partial: bool = False) -> Any:
    """Return a JSON Schema that takes a date without a time; a partial one requires no key."""
    if isinstance(schema, list):
        return [loosened(one, partial) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: loosened(value, partial)
        for key, value in schema.items()
        if value != "date-time" and not (partial and key == "required")
    }
