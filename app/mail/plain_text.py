"""Text out of HTML and out of mails: for the index, the snippet, plain replies and logs.

Pure functions, run in a worker.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

SNIPPET_CHARS = 220
_BLOCKS = frozenset(
    "address article aside blockquote br caption dd div dl dt figure footer form h1 h2 h3 h4 h5 h6 header hr "
    "li main nav ol p pre section table td th tr ul".split()
)
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "table", "pre"})
_SILENT = frozenset(
    {"script", "style", "head", "title", "template", "noscript", "svg", "math", "object", "select", "textarea"}
)
_CELLS = frozenset({"td", "th"})
_VOID = frozenset(
    {"br", "hr", "img", "input", "meta", "link", "area", "base", "col", "embed", "source", "track", "wbr"}
)
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|(?:font-size|max-height|opacity)\s*:\s*0(?:\.0+)?(?:px|pt|em)?\s*(?:;|$|!)",
    re.IGNORECASE,
)
_QUOTE_LEAD = re.compile(
    r"^\s*(?:>|On .{5,200} wrote:|Am .{5,200} schrieb .{0,200}:|Le .{5,200} a écrit\s*:|El .{5,200} escribió:"
    r"|-{2,}\s*(?:Original Message|Ursprüngliche Nachricht|Message d'origine)|_{10,}|From: |Von: |De : )"
)
# Preheaders are padded with these so that no other text follows them in a preview.
_PADDING = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]+"
)


class _TextExtractor(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent_from: list[str] = []
        self._in_pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent_from:
            if tag not in _VOID:
                self._silent_from.append(tag)
            return
        style = next((value or "" for name, value in attrs if name == "style"), "")
        if tag not in _VOID and (tag in _SILENT or _HIDDEN.search(style) or any(name == "hidden" for name, _ in attrs)):
            self._silent_from.append(tag)
            return
        if tag in _BLOCKS and tag not in _CELLS:
            self.pieces.append("\n\n" if tag in _PARAGRAPHS else "\n")
        if tag == "li":
            self.pieces.append("- ")
        if tag == "pre":
            self._in_pre += 1
        if tag == "img":
            self.pieces.append(next((f"{value} " for name, value in attrs if name == "alt" and value), ""))

    def handle_endtag(self, tag: str) -> None:
        if self._silent_from:
            # Unclosed children of a hidden element end with it.
            if tag in self._silent_from:
                del self._silent_from[len(self._silent_from) - 1 - self._silent_from[::-1].index(tag) :]
            return
        if tag in _BLOCKS:
            self.pieces.append("\n\n" if tag in _PARAGRAPHS else (" " if tag in _CELLS else "\n"))
        if tag == "pre":
            self._in_pre = max(0, self._in_pre - 1)

    def handle_data(self, data: str) -> None:
        if not self._silent_from:
            self.pieces.append(data if self._in_pre else re.sub(r"[ \t\r\n\f]+", " ", data))


def html_to_text(document: str) -> str:
    """The words of an HTML document in reading order, hidden elements left out, paragraphs kept apart by an empty line."""
    extractor = _TextExtractor()
    extractor.feed(document)
    extractor.close()
    text = "".join(extractor.pieces).replace("\xa0", " ")
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def snippet(text: str) -> str:
    """The first new words of a mail in one line, quotes and padding left out, at most `SNIPPET_CHARS` long."""
    lines: list[str] = []
    length = 0
    for line in text.splitlines():
        if line.rstrip() == "--" or (lines and _QUOTE_LEAD.match(line)):
            break
        if line.lstrip().startswith(">"):
            continue
        words = " ".join(_PADDING.sub("", line).split())
        if words:
            lines.append(words)
            length += len(words) + 1
        if length >= SNIPPET_CHARS:
            break
    joined = " ".join(lines) or " ".join(_PADDING.sub("", text).split())
    return joined if len(joined) <= SNIPPET_CHARS else joined[:SNIPPET_CHARS].rstrip() + "…"


def new_text(text: str) -> str:
    """The text above the first quotation and without quoted lines: what its sender wrote this time."""
    kept: list[str] = []
    for line in text.splitlines():
        if kept and _QUOTE_LEAD.match(line) and not line.lstrip().startswith(">"):
            break
        if not line.lstrip().startswith(">"):
            kept.append(line)
    return "\n".join(kept).strip()
