"""Fill the pages about model and data from an evaluation; what people wrote in them stays.

A run replaces the lines between `<!-- run:NAME -->` and `<!-- /run:NAME -->`, and in the model card
keys of the front matter. Leave out a block that you do not want: it does not come back.
"""

import re
from pathlib import Path

from ..data.schema import Schema
from ..errors import UserError
from ..tracking.records import DOCUMENTS, MODEL_CARD
from ..utils.files import write_text
from . import model_card
from .blocks import BLOCKS, cell
from .results import Evaluation
from .templates import load_template

MARK = re.compile(r"^[ \t]*<!--[ \t]*(/?)run:([A-Za-z_-]+)[ \t]*-->[ \t]*(?=\r?$)", re.MULTILINE)


def update_all(evaluation: Evaluation, schema: Schema) -> None:
    """Write the results of a run into every page; make those that are not there.

    Raises:
        UserError: As by `update`; no page has been changed then.
    """
    filled = {path: _filled(path, path, evaluation, schema) for path in DOCUMENTS}
    for path, text in filled.items():
        _write(path, text)


def update(path: Path, document: Path, evaluation: Evaluation, schema: Schema) -> None:
    """Write the results of a run into one page; make it if there is none.

    Args:
        path: Where the page is.
        document: Which one it is, of DOCUMENTS; new ones are made by the template of its name.
        evaluation: The results.
        schema: What the columns mean.

    Raises:
        UserError: A block is unknown, not closed or stands twice, no block is left, or the front
            matter is not YAML. The page is left as it was.
    """
    _write(path, _filled(path, document, evaluation, schema))


def _write(path: Path, text: str) -> None:
    if not path.exists() or path.read_bytes() != text.encode():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)


def _filled(path: Path, document: Path, evaluation: Evaluation, schema: Schema) -> str:
    """Return a page with the results of a run in it."""
    if path.exists():
        try:
            text = path.read_bytes().decode()
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8 ({error})") from None
    else:
        template = load_template(f"{document.name}.j2", html=False)  # Markdown: escaped here
        text = template.render(target=cell(evaluation.target)) + "\n"
    ends = "\r\n" if "\r\n" in text else "\n"
    text = _replace_blocks(text, path, evaluation, schema, ends)
    if document == MODEL_CARD:
        return model_card.replace_front(text, path, evaluation, ends)
    return text


def _replace_blocks(
    text: str, path: Path, evaluation: Evaluation, schema: Schema, ends: str
) -> str:
    """Return the page with new content in each block; all else byte for byte."""
    marks = list(MARK.finditer(text))
    if not marks:
        raise UserError(
            f"{path}: no block to fill. Put `<!-- run:metrics -->` and `<!-- /run:metrics -->` on "
            f"lines of their own (blocks: {', '.join(BLOCKS)}), or delete the file for a new one."
        )
    pieces, end, seen = [], 0, set()
    for opening, closing in zip(marks[::2], [*marks[1::2], None], strict=False):
        name = opening[2]
        line = text.count("\n", 0, opening.start()) + 1
        if name not in BLOCKS:
            raise UserError(f"{path}, line {line}: no block {name!r} (there: {', '.join(BLOCKS)})")
        if opening[1] or closing is None or not closing[1] or closing[2] != name:
            raise UserError(f"{path}, line {line}: `run:{name}` is not followed by `/run:{name}`")
        if name in seen:
            raise UserError(f"{path}, line {line}: block {name!r} stands twice")
        seen.add(name)
        body = BLOCKS[name](evaluation, schema).strip("\n").replace("\n", ends)
        pieces += [text[end : opening.end()], f"{ends}{ends}{body}{ends}{ends}"]
        end = closing.start()
    return "".join([*pieces, text[end:]])
