"""The words of a SOQL statement, each with its place for the error texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from app.demo.salesforce.errors import ApiError, refuse

MAX_STATEMENT = 100_000
MAX_FILTER_STRING = 4_000


class Kind(Enum):
    """What sort of word a token is."""

    NAME = auto()
    STRING = auto()
    NUMBER = auto()
    DATE = auto()
    DATETIME = auto()
    SYMBOL = auto()
    END = auto()


@dataclass(frozen=True)
class Token:
    """A word: its text as written, its place, and for a string the text it means.

    ``pattern`` is a string's text for LIKE, where an escaped ``%`` or ``_`` keeps its backslash; ``like_only`` says that
    the string has such an escape, which is an error anywhere else.
    """

    kind: Kind
    text: str
    start: int
    value: str = ""
    pattern: str = ""
    like_only: bool = False

    def is_word(self, *words: str) -> bool:
        """Whether this is one of these keywords, in any case."""
        return self.kind is Kind.NAME and self.text.upper() in words

    def is_symbol(self, *symbols: str) -> bool:
        """Whether this is one of these symbols."""
        return self.kind is Kind.SYMBOL and self.text in symbols


_WORD = re.compile(
    r"""(?P<space>\s+)
    |(?P<datetime>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2}))
    |(?P<date>\d{4}-\d{2}-\d{2}(?![\dT]))
    |(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>[A-Za-z][A-Za-z0-9_]*)
    |(?P<symbol><=|>=|!=|<>|[=<>(),.:+-])""",
    re.VERBOSE,
)
_SIMPLE_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "N": "\n", "r": "\r", "R": "\r", "t": "\t", "T": "\t",
                   "b": "\b", "B": "\b", "f": "\f", "F": "\f"}  # fmt: skip
_UNICODE = re.compile(r"[uU]([0-9a-fA-F]{4})")


class SoqlError(Exception):
    """Something is wrong at a place of the statement; ``as_api_error`` words it as the REST API does."""

    def __init__(self, code: str, message: str, start: int) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.start = start

    def as_api_error(self, statement: str) -> ApiError:
        """400 with the piece of the statement, a caret under the place, and row and column."""
        row = statement.count("\n", 0, self.start) + 1
        line_start = statement.rfind("\n", 0, self.start) + 1
        column = self.start - line_start + 1
        line = statement[line_start:].split("\n", 1)[0]
        from_ = max(0, column - 31)
        piece = line[from_ : column + 30]
        caret = " " * (column - 1 - from_) + "^"
        text = f"\n{piece}\n{caret}\nERROR at Row:{row}:Column:{column}\n{self.message}"
        return refuse(self.code, text)


def malformed(message: str, start: int) -> SoqlError:
    """MALFORMED_QUERY at a place."""
    return SoqlError("MALFORMED_QUERY", message, start)


def unexpected(token: Token) -> SoqlError:
    """The error for a word that does not fit where it stands."""
    if token.kind is Kind.END:
        return malformed("unexpected token: '<EOF>'", token.start)
    return malformed(f"unexpected token: '{token.text}'", token.start)


def tokenize(statement: str) -> list[Token]:
    """All words of a statement, closed by an END. Raises SoqlError."""
    if len(statement) > MAX_STATEMENT:
        raise malformed("SOQL statements cannot be longer than 100000 characters.", 0)
    tokens: list[Token] = []
    at = 0
    while at < len(statement):
        if statement[at] == "'":
            token = _string(statement, at)
            tokens.append(token)
            at += len(token.text)
            continue
        match = _WORD.match(statement, at)
        if match is None:
            raise malformed(f"line {statement.count(chr(10), 0, at) + 1}:{at} no viable alternative at character "
                            f"'{statement[at]}'", at)  # fmt: skip
        if match.lastgroup != "space":
            tokens.append(Token(Kind[str(match.lastgroup).upper()], match.group(), at))
        at = match.end()
    tokens.append(Token(Kind.END, "", len(statement)))
    return tokens


def whole(text: str) -> str:
    """The text with pairs of surrogates as the characters they stand for, and single ones replaced."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _string(statement: str, start: int) -> Token:
    value: list[str] = []
    pattern: list[str] = []
    like_only = False
    at = start + 1
    while at < len(statement):
        char = statement[at]
        if char == "'":
            text = statement[start : at + 1]
            return Token(Kind.STRING, text, start, whole("".join(value)), whole("".join(pattern)), like_only)
        if char != "\\":
            value.append(char)
            pattern.append(char)
            at += 1
            continue
        meant, length = _escape(statement, at)
        value.append(meant if length else statement[at + 1])
        pattern.append(("\\\\" if meant == "\\" else meant) if length else "\\" + statement[at + 1])
        like_only = like_only or not length
        at += length or 2
    raise malformed("unexpected token: '<EOF>'", len(statement))


def _escape(statement: str, at: int) -> tuple[str, int]:
    """What an escape means and how long it is; length 0 for an escaped % or _, which only LIKE takes."""
    following = statement[at + 1 : at + 2]
    if following in _SIMPLE_ESCAPES:
        return _SIMPLE_ESCAPES[following], 2
    if following in ("%", "_"):
        return following, 0
    unicode = _UNICODE.match(statement, at + 1)
    if unicode:
        return chr(int(unicode.group(1), 16)), 6
    raise malformed(f"Invalid string literal '\\{following}'. Illegal character sequence in string literal.", at)
