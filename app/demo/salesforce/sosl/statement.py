"""FIND {...} IN ... FIELDS RETURNING ... LIMIT n, as parts."""

from __future__ import annotations

from dataclasses import dataclass

from app.demo.salesforce.errors import not_implemented
from app.demo.salesforce.soql.parser import Parser
from app.demo.salesforce.soql.syntax import Condition, FieldPath, OrderTerm
from app.demo.salesforce.soql.tokens import Kind, SoqlError, Token, tokenize, unexpected
from app.demo.salesforce.sosl.terms import Term, malformed_search, parse_term

SCOPES = ("ALL", "NAME", "EMAIL", "PHONE")


@dataclass(frozen=True)
class Returning:
    """One object of the RETURNING clause; without fields only the id is returned."""

    object_name: FieldPath
    fields: tuple[FieldPath, ...] = ()
    where: Condition | None = None
    order: tuple[OrderTerm, ...] = ()
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True)
class Search:
    """A whole search. ``returning`` is empty where every searchable object is meant."""

    term: Term
    scope: str
    returning: tuple[Returning, ...]
    limit: int | None
    source: str


def parse_search(text: str) -> Search:
    """The parts of a SOSL statement. Raises ApiError."""
    stripped = text.lstrip()
    if not stripped[:4].upper() == "FIND":
        raise malformed_search("unexpected token: '" + (stripped.split() or ["<EOF>"])[0] + "'")
    rest = stripped[4:].lstrip()
    if not rest.startswith("{"):
        raise malformed_search("No search term found. The search term must be enclosed in braces.")
    end = _closing_brace(rest)
    term = parse_term(rest[1:end])
    clauses = rest[end + 1 :]
    try:
        return _Clauses(tokenize(clauses)).read(term, clauses)
    except SoqlError as exc:
        raise malformed_search(exc.message) from exc


def _closing_brace(text: str) -> int:
    at = 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == "}":
            return at
        else:
            at += 1
    raise malformed_search("No search term found. The search term must be enclosed in braces.")


class _Clauses:
    def __init__(self, tokens: list[Token]) -> None:
        self._parser = Parser(tokens)

    def read(self, term: Term, source: str) -> Search:
        scope = "ALL"
        if self._parser.take_word("IN"):
            scope = self._scope()
        returning: list[Returning] = []
        if self._parser.take_word("RETURNING"):
            returning.append(self._returning())
            while self._parser.take_symbol(","):
                returning.append(self._returning())
        if self._parser.here.is_word("WITH", "UPDATE", "USING"):
            raise not_implemented(f"{self._parser.here.text.upper()} in SOSL")
        limit = self._parser.whole_number() if self._parser.take_word("LIMIT") else None
        self._parser.expect_end()
        return Search(term, scope, tuple(returning), limit, source)

    def _scope(self) -> str:
        token = self._parser.take()
        if token.is_word("SIDEBAR"):
            raise not_implemented("IN SIDEBAR FIELDS in SOSL")
        if not token.is_word(*SCOPES):
            raise unexpected(token)
        self._parser.expect_word("FIELDS")
        return token.text.upper()

    def _returning(self) -> Returning:
        name = self._parser.field_path()
        if not self._parser.take_symbol("("):
            return Returning(name)
        fields = [self._field()]
        while self._parser.take_symbol(","):
            fields.append(self._field())
        if self._parser.here.is_word("USING"):
            raise not_implemented("USING in SOSL")
        where = self._parser.condition() if self._parser.take_word("WHERE") else None
        order: tuple[OrderTerm, ...] = ()
        if self._parser.take_word("ORDER"):
            self._parser.expect_word("BY")
            order = self._parser.order_terms()
        limit = self._parser.whole_number() if self._parser.take_word("LIMIT") else None
        offset = self._parser.whole_number() if self._parser.take_word("OFFSET") else 0
        self._parser.expect_symbol(")")
        return Returning(name, tuple(fields), where, order, limit, offset)

    def _field(self) -> FieldPath:
        path = self._parser.field_path()
        if self._parser.here.kind is Kind.SYMBOL and self._parser.here.text == "(":
            raise not_implemented(f"the function {path.text} in SOSL")
        return path
