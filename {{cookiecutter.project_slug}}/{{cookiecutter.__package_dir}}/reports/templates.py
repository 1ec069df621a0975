"""How pages are filled in, and the Jinja templates of this folder."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment, Template


HERE = Path(__file__).parent


def load_template(
    name: str,
    html: bool,
    filters: Mapping[str, Callable[..., str]] | None = None,
    folder: Path = HERE,
) -> "Template":
    """Load a template.

    Args:
        name: Its file.
        html: Escape what is filled in for HTML.
        filters: By the names that the template has for them.
        folder: Where it is; what it includes may be in this folder too.
    """
    return templates_of(folder, html, filters).get_template(name)


def templates_of(
    folder: Path, html: bool, filters: Mapping[str, Callable[..., str]] | None = None
) -> "Environment":
    """Return the templates of a folder; a name that one uses and is not given is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # Markdown is no HTML  # nosec B701
        loader=FileSystemLoader([folder, HERE]),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    return environment
