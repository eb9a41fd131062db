"""A recursive-descent parser of SOQL after the grammar of the SOQL and SOSL Reference.

AND and OR at one level need parentheses, and so does NOT behind one of them, as in the reference's grammar.
"""

from __future__ import annotations

from app.demo.salesforce.errors import not_implemented
from app.demo.salesforce.soql.syntax import (
    Comparison,
    Condition,
    FieldPath,
    Junction,
    Literal,
    LiteralKind,
    Membership,
    Not,
    OrderTerm,
    Query,
    SemiJoin,
)
from app.demo.salesforce.soql.tokens import MAX_FILTER_STRING, Kind, Token, malformed, tokenize, unexpected

_FIXED_RANGES = frozenset(
    f"{when}_{unit}"
    for when in ("LAST", "THIS", "NEXT")
    for unit in ("WEEK", "MONTH", "QUARTER", "YEAR", "FISCAL_QUARTER", "FISCAL_YEAR")
) | {"YESTERDAY", "TODAY", "TOMORROW", "LAST_90_DAYS", "NEXT_90_DAYS"}
_UNITS = ("DAYS", "WEEKS", "MONTHS", "QUARTERS", "YEARS", "FISCAL_QUARTERS", "FISCAL_YEARS")
_COUNTED_RANGES = frozenset(f"{when}_N_{unit}" for when in ("LAST", "NEXT") for unit in _UNITS) | frozenset(
    f"N_{unit}_AGO" for unit in _UNITS
)
_FUNCTIONS = frozenset(
    {
        "COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX", "TOLABEL", "FORMAT", "FIELDS", "CONVERTTIMEZONE",
        "CONVERTCURRENCY", "CALENDAR_YEAR", "CALENDAR_QUARTER", "CALENDAR_MONTH", "DAY_IN_MONTH", "DAY_IN_WEEK",
        "DAY_IN_YEAR", "DAY_ONLY", "FISCAL_YEAR", "FISCAL_QUARTER", "FISCAL_MONTH", "HOUR_IN_DAY", "WEEK_IN_MONTH",
        "WEEK_IN_YEAR", "DISTANCE", "GEOLOCATION", "GROUPING",
    }
)  # fmt: skip
_CLAUSES = (
    "FROM", "WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "UPDATE", "USING", "ALL", "AND",
    "OR", "NOT", "IN", "LIKE", "INCLUDES", "EXCLUDES", "SELECT", "NULLS", "ASC", "DESC", "NULL", "TRUE", "FALSE",
)  # fmt: skip
_MAX_NESTING = 100
_COMPARISONS = ("=", "!=", "<>", "<", ">", "<=", ">=")


def parse_query(statement: str) -> Query:
    """The parts of a SELECT statement. Raises SoqlError for what is wrong, ApiError 501 for what is not done here."""
    parser = Parser(tokenize(statement))
    query = parser.query()
    parser.expect_end()
    return query


def parse_condition(text: str) -> Condition:
    """The parts of a WHERE clause without its keyword: SOSL and the fixture's validation rules use them."""
    parser = Parser(tokenize(text))
    condition = parser.condition()
    parser.expect_end()
    return condition


class Parser:
    """Reads one statement word by word."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._nesting = 0

    @property
    def here(self) -> Token:
        """The word that comes next."""
        return self._tokens[self._at]

    def take(self) -> Token:
        """Step over the next word."""
        token = self.here
        if token.kind is not Kind.END:
            self._at += 1
        return token

    def take_word(self, *words: str) -> bool:
        """Step over one of these keywords if it comes next."""
        if not self.here.is_word(*words):
            return False
        self._at += 1
        return True

    def take_symbol(self, symbol: str) -> bool:
        """Step over this symbol if it comes next."""
        if not self.here.is_symbol(symbol):
            return False
        self._at += 1
        return True

    def expect_word(self, word: str) -> None:
        """Step over this keyword, or raise."""
        if not self.take_word(word):
            raise unexpected(self.here)

    def expect_symbol(self, symbol: str) -> None:
        """Step over this symbol, or raise."""
        if not self.take_symbol(symbol):
            raise unexpected(self.here)

    def expect_end(self) -> None:
        """Raise unless everything was read."""
        if self.here.kind is not Kind.END:
            raise unexpected(self.here)

    def query(self, *, nested: bool = False) -> Query:
        """``SELECT ... FROM ... [WHERE] [ORDER BY] [LIMIT] [OFFSET]``."""
        start = self.here.start
        self.expect_word("SELECT")
        is_count = self._count_star()
        items = () if is_count else self._select_list(nested=nested)
        self.expect_word("FROM")
        source = self.field_path()
        alias = ""
        if self.here.is_word("AS") or (self.here.kind is Kind.NAME and not self.here.is_word(*_CLAUSES)):
            self.take_word("AS")
            alias = self._name().text
        if self.here.is_symbol(","):
            raise not_implemented("several objects in one FROM clause")
        self._refuse_clause("USING", "USING SCOPE")
        where = self.condition() if self.take_word("WHERE") else None
        self._refuse_clause("WITH", "WITH clauses (SECURITY_ENFORCED, USER_MODE, DATA CATEGORY)")
        self._refuse_clause("GROUP", "GROUP BY")
        self._refuse_clause("HAVING", "HAVING")
        order = self._order_by() if self.take_word("ORDER") else ()
        limit = self.whole_number() if self.take_word("LIMIT") else None
        offset_start = self.here.start
        offset = self.whole_number() if self.take_word("OFFSET") else 0
        self._refuse_clause("FOR", "FOR VIEW and FOR REFERENCE")
        self._refuse_clause("UPDATE", "UPDATE TRACKING and UPDATE VIEWSTAT")
        return Query(
            fields=tuple(one for one in items if isinstance(one, FieldPath)),
            subqueries=tuple(one for one in items if isinstance(one, Query)),
            select_order=items,
            source=source,
            alias=alias,
            where=where,
            order=order,
            limit=limit,
            offset=offset,
            offset_start=offset_start,
            is_count=is_count,
            start=start,
        )

    def condition(self) -> Condition:
        """Simple conditions joined by AND only, or by OR only, or one behind NOT."""
        if self.take_word("NOT"):
            return Not(self._simple_condition())
        first = self._simple_condition()
        for word in ("AND", "OR"):
            if self.here.is_word(word):
                parts = [first]
                while self.take_word(word):
                    parts.append(self._simple_condition())
                return Junction(word, tuple(parts))
        return first

    def field_path(self) -> FieldPath:
        """Names joined by dots."""
        first = self._name()
        names = [first.text]
        while self.take_symbol("."):
            names.append(self._name().text)
        return FieldPath(tuple(names), first.start)

    def whole_number(self) -> int:
        """A number without sign and fraction."""
        token = self.take()
        if token.kind is not Kind.NUMBER or not token.text.isdigit():
            raise unexpected(token)
        return int(token.text)

    def order_terms(self) -> tuple[OrderTerm, ...]:
        """``field [ASC|DESC] [NULLS FIRST|LAST]`` separated by commas; nulls come first unless said otherwise."""
        terms = []
        while True:
            self._refuse_function()
            path = self.field_path()
            descending = self.take_word("DESC")
            if not descending:
                self.take_word("ASC")
            nulls_last = False
            if self.take_word("NULLS"):
                nulls_last = self.take_word("LAST")
                if not nulls_last:
                    self.expect_word("FIRST")
            terms.append(OrderTerm(path, descending, nulls_last))
            if not self.take_symbol(","):
                return tuple(terms)

    def _order_by(self) -> tuple[OrderTerm, ...]:
        self.expect_word("BY")
        return self.order_terms()

    def _count_star(self) -> bool:
        following = self._tokens[self._at : self._at + 3]
        is_count = (
            len(following) == 3
            and following[0].is_word("COUNT")
            and following[1].is_symbol("(")
            and following[2].is_symbol(")")
        )
        if is_count:
            self._at += 3
        return is_count

    def _select_list(self, *, nested: bool) -> tuple[FieldPath | Query, ...]:
        items: list[FieldPath | Query] = []
        while True:
            if self.here.is_symbol("("):
                if nested:
                    raise not_implemented("subqueries inside subqueries")
                self.take()
                items.append(self.query(nested=True))
                self.expect_symbol(")")
            elif self.here.is_word("TYPEOF"):
                raise not_implemented("TYPEOF")
            else:
                self._refuse_function()
                items.append(self.field_path())
            if not self.take_symbol(","):
                return tuple(items)

    def _simple_condition(self) -> Condition:
        if self.here.is_symbol("("):
            opening = self.take()
            self._nesting += 1
            if self._nesting > _MAX_NESTING:
                raise malformed("SOQL statement is too deeply nested", opening.start)
            condition = self.condition()
            self.expect_symbol(")")
            self._nesting -= 1
            return condition
        if self.here.is_word("NOT"):
            raise unexpected(self.here)
        self._refuse_function()
        path = self.field_path()
        operator = self.take()
        if operator.is_symbol(*_COMPARISONS):
            return Comparison(path, "!=" if operator.text == "<>" else operator.text, self.literal())
        if operator.is_word("LIKE"):
            return Comparison(path, "LIKE", self.literal())
        negated = operator.is_word("NOT")
        if negated:
            operator = self.take()
        if operator.is_word("IN"):
            return self._membership(path, negated=negated)
        if operator.is_word("INCLUDES", "EXCLUDES") and not negated:
            return Membership(path, operator.text.upper(), self._value_list())
        raise unexpected(operator)

    def _membership(self, path: FieldPath, *, negated: bool) -> Condition:
        if self.here.is_symbol("(") and self._tokens[self._at + 1].is_word("SELECT"):
            self.take()
            query = self.query(nested=True)
            self.expect_symbol(")")
            return SemiJoin(path, negated, query)
        return Membership(path, "NOT IN" if negated else "IN", self._value_list())

    def _value_list(self) -> tuple[Literal, ...]:
        self.expect_symbol("(")
        values = [self.literal()]
        while self.take_symbol(","):
            values.append(self.literal())
        self.expect_symbol(")")
        return tuple(values)

    def literal(self) -> Literal:
        """A value: string, number, true, false, null, date, moment or date literal."""
        token = self.take()
        if token.kind is Kind.STRING:
            if len(token.value) > MAX_FILTER_STRING:
                raise malformed(f"Filter string longer than {MAX_FILTER_STRING} characters", token.start)
            return Literal(LiteralKind.STRING, token.value, token.start, token.pattern, like_only=token.like_only)
        if token.kind in (Kind.NUMBER, Kind.DATE, Kind.DATETIME):
            return Literal(LiteralKind[token.kind.name], token.text, token.start)
        if token.is_word("TRUE", "FALSE"):
            return Literal(LiteralKind.BOOLEAN, token.text.lower(), token.start)
        if token.is_word("NULL"):
            return Literal(LiteralKind.NULL, "null", token.start)
        if token.is_word(*_FIXED_RANGES):
            return Literal(LiteralKind.RANGE, token.text.upper(), token.start)
        if token.is_word(*_COUNTED_RANGES):
            self.expect_symbol(":")
            return Literal(LiteralKind.RANGE, token.text.upper(), token.start, count=self.whole_number())
        raise unexpected(token)

    def _name(self) -> Token:
        token = self.take()
        if token.kind is not Kind.NAME or token.is_word("FROM", "SELECT", "WHERE"):
            raise unexpected(token)
        return token

    def _refuse_function(self) -> None:
        if self.here.is_word(*_FUNCTIONS) and self._tokens[self._at + 1].is_symbol("("):
            raise not_implemented(f"the SOQL function {self.here.text}")

    def _refuse_clause(self, word: str, what: str) -> None:
        if self.here.is_word(word):
            raise not_implemented(f"{what} in SOQL")
