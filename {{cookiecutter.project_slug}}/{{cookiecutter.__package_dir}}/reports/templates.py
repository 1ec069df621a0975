"""The Jinja templates of this folder."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template


def load_template(
    name: str, html: bool, filters: Mapping[str, Callable[..., str]] | None = None
) -> "Template":
    """Load a template; a name that it uses and is not given is an error.

    Args:
        name: Its file.
        html: Escape what is filled in for HTML.
        filters: By the names that the template has for them.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    return environment.get_template(name)
