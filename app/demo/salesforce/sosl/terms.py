"""The search text of a FIND clause: words, phrases and operators, and whether a record's text meets them.

Reserved characters must be escaped by a backslash (SOQL and SOSL Reference, "FIND {SearchQuery}"). Text is compared
word by word without regard to case; ``*`` and ``?`` are wildcards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeAlias

from app.demo.salesforce.errors import ApiError, refuse

RESERVED = frozenset("?&|!{}[]()^~*:\\\"'+-")
_WORDS = re.compile(r"\w+", re.UNICODE)
_WORD_CHARACTERS = re.compile(r"\w", re.UNICODE)
_MIN_LENGTH = 2


@dataclass(frozen=True)
class Phrase:
    """Words that must follow each other; each is a regular expression for one word."""

    words: tuple[re.Pattern[str], ...]
    longest: str

    def is_in(self, text: str) -> bool:
        """Whether the words stand side by side in a text."""
        found = _WORDS.findall(text.casefold())
        size = len(self.words)
        return any(
            all(word.fullmatch(one) for word, one in zip(self.words, found[at : at + size], strict=False))
            for at in range(len(found) - size + 1)
        )


@dataclass(frozen=True)
class Joined:
    """Terms joined by AND, OR or AND NOT."""

    operator: str
    terms: tuple[Term, ...]


Term: TypeAlias = "Phrase | Joined"


def matches(term: Term, texts: list[str]) -> bool:
    """Whether the texts of a record meet the search."""
    if isinstance(term, Phrase):
        return any(term.is_in(text) for text in texts)
    if term.operator == "NOT":
        return matches(term.terms[0], texts) and not matches(term.terms[1], texts)
    quantifier = all if term.operator == "AND" else any
    return quantifier(matches(one, texts) for one in term.terms)


def certain_word(term: Term) -> str:
    """A piece of text that every match contains, to narrow the search in the database; "" if there is none."""
    if isinstance(term, Phrase):
        return term.longest
    if term.operator == "OR":
        return ""
    return max((certain_word(one) for one in (term.terms if term.operator == "AND" else term.terms[:1])), key=len)


def malformed_search(message: str) -> ApiError:
    """400 MALFORMED_SEARCH."""
    return refuse("MALFORMED_SEARCH", message)


def parse_term(text: str) -> Term:
    """The meaning of the text between the braces. Raises ApiError."""
    parser = _TermParser(_pieces(text))
    if not parser.pieces:
        raise malformed_search("No search term found. The search term must be enclosed in braces.")
    if sum(len(_WORD_CHARACTERS.findall(one.text)) for one in parser.pieces if one.kind == "word") < _MIN_LENGTH:
        raise malformed_search(f"search term must be longer than one character: {text}")
    term = parser.either()
    if parser.pieces:
        raise malformed_search(f"unexpected token in the search text: {parser.pieces[0].text}")
    return term


@dataclass(frozen=True)
class _Piece:
    kind: str
    text: str


class _TermParser:
    def __init__(self, pieces: list[_Piece]) -> None:
        self.pieces = pieces

    def either(self) -> Term:
        terms = [self._both()]
        while self._take("OR"):
            terms.append(self._both())
        return terms[0] if len(terms) == 1 else Joined("OR", tuple(terms))

    def _both(self) -> Term:
        term = self._one()
        while self.pieces and self.pieces[0].kind not in (")", "OR"):
            if self._take("NOT") or (self._take("AND") and self._take("NOT")):
                term = Joined("NOT", (term, self._one()))
            else:
                term = Joined("AND", (term, self._one()))
        return term

    def _one(self) -> Term:
        if self._take("("):
            term = self.either()
            if not self._take(")"):
                raise malformed_search("a closing parenthesis is missing in the search text")
            return term
        if not self.pieces or self.pieces[0].kind != "word":
            raise malformed_search("a search term is missing in the search text")
        return _phrase(self.pieces.pop(0).text)

    def _take(self, kind: str) -> bool:
        if not self.pieces or self.pieces[0].kind != kind:
            return False
        self.pieces.pop(0)
        return True


_WILD = {"*": "\ue000", "?": "\ue001"}


def _pieces(text: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
        elif char in "()":
            pieces.append(_Piece(char, char))
            at += 1
        elif char in "&|!":
            pieces.append(_Piece({"&": "AND", "|": "OR", "!": "NOT"}[char], char))
            at += 1
        elif char == '"':
            word, at = _quoted(text, at + 1)
            pieces.append(_Piece("word", word))
        else:
            word, plain, at = _word(text, at)
            operator = word in ("AND", "OR", "NOT") and plain
            pieces.append(_Piece(word if operator else "word", word))
    return pieces


def _quoted(text: str, at: int) -> tuple[str, int]:
    chars = []
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            chars.append(text[at + 1])
            at += 2
        elif text[at] == '"':
            return "".join(chars), at + 1
        else:
            chars.append(_WILD.get(text[at], text[at]))
            at += 1
    raise malformed_search("a closing quotation mark is missing in the search text")


def _word(text: str, at: int) -> tuple[str, bool, int]:
    chars = []
    start = at
    while at < len(text) and not text[at].isspace() and text[at] not in '()&|"':
        char = text[at]
        if char == "\\":
            if at + 1 == len(text):
                raise malformed_search("a backslash at the end of the search text escapes nothing")
            chars.append(text[at + 1])
            at += 2
        elif char in _WILD:
            chars.append(_WILD[char])
            at += 1
        elif char in RESERVED:
            raise malformed_search(f"the reserved character {char} must be escaped by a backslash in the search text")
        else:
            chars.append(char)
            at += 1
    return "".join(chars), "\\" not in text[start:at], at


def _phrase(text: str) -> Phrase:
    words = re.findall(rf"[\w{_WILD['*']}{_WILD['?']}]+", text.casefold(), re.UNICODE)
    pieces = [piece for word in words for piece in re.split(rf"[{_WILD['*']}{_WILD['?']}]", word)]
    patterns = tuple(
        re.compile(re.escape(word).replace(_WILD["*"], r"\w*").replace(_WILD["?"], r"\w"), re.UNICODE) for word in words
    )
    return Phrase(patterns, max(pieces, key=len, default=""))
