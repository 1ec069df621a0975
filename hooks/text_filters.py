"""Filters that write free text safely into the rendered files.

All take any accepted answer, quotes, backslashes, braces and emoji included:

    toml_str   "..."   TOML basic string with its quotes, ASCII only
    py_str     "..."   Python string with its quotes, ASCII only, quoted as `ruff format` wants it
    yaml_str   "..."   YAML double-quoted string with its quotes, UTF-8
    json_str   "..."   JSON string with its quotes, UTF-8
    md_text            Markdown text: shows as typed in a heading, a paragraph or a table cell
    html_text          HTML text or the inside of a quoted attribute
    sh_word            one word of a POSIX shell, quoted where it needs to be
    plain              ASCII letters, digits, blanks and .,- only, for comments in scripts
"""

import html
import json
import re
import shlex
import unicodedata


def toml_str(text: str) -> str:
    return f'"{escape(text, chr(34))}"'


def py_str(text: str) -> str:
    quote = "'" if text.count('"') > text.count("'") else '"'
    return f"{quote}{escape(text, quote)}{quote}"


def escape(text: str, quote: str) -> str:
    r"""Escape as TOML and Python read it: \U0001f680 where JSON would write two halves."""
    plain_text = text.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return "".join(
        c if " " <= c <= "~" else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"
        for c in plain_text
    )


def yaml_str(text: str) -> str:
    return "".join(c if c.isprintable() else escape(c, '"') for c in json_str(text))


def json_str(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def md_text(text: str) -> str:
    """Escape what Markdown would read as markup, at the start of a line too."""
    escaped = re.sub(r"([\\`*_\[\]<>&|~$#])", r"\\\1", text)
    escaped = re.sub(r"^(\d{1,9})([.)])", r"\1\\\2", escaped)
    return re.sub(r"^([-+=:])", r"\\\1", escaped)


def html_text(text: str) -> str:
    return html.escape(text)


def sh_word(text: str) -> str:
    return shlex.quote(text)


def plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(re.sub(r"[^A-Za-z0-9 .,-]", "", letters).split())


FILTERS = {
    function.__name__: function
    for function in (toml_str, py_str, yaml_str, json_str, md_text, html_text, sh_word, plain)
}
