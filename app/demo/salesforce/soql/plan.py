"""From a parsed statement to SQL: objects, paths over relationships, joins, sorting.

Every name is looked up with the user's permissions: a field the user may not see does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.demo.salesforce.access import Actor
from app.demo.salesforce.database import Value, quoted
from app.demo.salesforce.errors import not_implemented
from app.demo.salesforce.records import RecordTables
from app.demo.salesforce.schema import Field, FieldType, SObjectType
from app.demo.salesforce.soql.filters import Column, FilterCompiler, Moments
from app.demo.salesforce.soql.syntax import (
    Comparison,
    Condition,
    FieldPath,
    Junction,
    Membership,
    OrderTerm,
    Query,
    SemiJoin,
)
from app.demo.salesforce.soql.tokens import SoqlError, malformed

_APPEND_FIELD = (
    "If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)
_APPEND_OBJECT = (
    "If you are attempting to use a custom object, be sure to append the '__c' after the entity name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)
_APPEND_RELATIONSHIP = (
    "If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship "
    "name. Please reference your WSDL or the describe call for the appropriate names."
)
_LINK_RESTRICTION = (
    "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId or "
    "LinkedEntityId using the equals operator or multiple Id's using the IN operator."
)
_NO_SEMI_JOIN = ("ActivityHistory", "OpenActivity", "Task", "Event", "Attachment", "Note", "Tag")
MAX_OFFSET = 2000
_MAX_PARENT_LEVELS = 5
_MOST_ROWS = 2**31
_ACTIVITY_LISTS = ("activityhistories", "openactivities", "lookedupfromactivities")


@dataclass(frozen=True)
class Scope:
    """An object in the FROM clause or at the end of parent relationships, with its SQL alias."""

    sobject: SObjectType
    alias: str
    path: tuple[str, ...]


@dataclass(frozen=True)
class Selected:
    """A column of the result: ``path`` is where it goes in the record; ``sql`` is "" for what is computed on read."""

    path: tuple[str, ...]
    field: Field
    scope: Scope
    sql: str


@dataclass(frozen=True)
class SubqueryPlan:
    """A child query of the select list, run for each parent record."""

    name: str
    query: Query
    child: SObjectType
    link: Field


@dataclass
class Plan:
    """SQL and how its rows become records. ``parents`` has the object itself first, under the empty path."""

    sobject: SObjectType
    sql: str
    count_sql: str
    parameters: list[Value]
    selected: list[Selected]
    parents: dict[tuple[str, ...], Scope]
    subqueries: list[SubqueryPlan]

    @property
    def columns(self) -> list[str]:
        """The SQL columns of the selected fields; the ids of all parents follow them in a row."""
        return [one.sql for one in self.selected if one.sql]


def object_of(tables: RecordTables, actor: Actor, path: FieldPath) -> SObjectType:
    """The object a FROM clause names. Raises SoqlError INVALID_TYPE."""
    found = tables.schema.get(path.text)
    if found is None or found.name == "Name" or not actor.can_read(found) or not found.queryable:
        raise SoqlError("INVALID_TYPE", f"sObject type '{path.text}' is not supported. {_APPEND_OBJECT}", path.start)
    return found


class Planner:
    """Builds the plan of one statement (a subquery and a semi-join have planners of their own)."""

    def __init__(self, tables: RecordTables, actor: Actor, moments: Moments, *, depth: int = 0) -> None:
        self._tables = tables
        self._actor = actor
        self._moments = moments
        self._depth = depth
        self._scopes: dict[tuple[str, ...], Scope] = {}
        self._joins: list[str] = []
        self._qualifiers: tuple[str, ...] = ()

    def plan(
        self, query: Query, *, sobject: SObjectType | None = None, link: tuple[str, str] | None = None,
        with_deleted: bool = False, sosl: bool = False,
    ) -> Plan:  # fmt: skip
        """The plan of a query. ``link`` (column, parent id) restricts a subquery to one parent."""
        source = sobject or object_of(self._tables, self._actor, query.source)
        root = self._start(source, query)
        selected = self._select(query)
        subqueries = [self._subquery(source, one) for one in query.subqueries]
        where, parameters = self._where(query, root, with_deleted=with_deleted)
        if link is not None:
            where.append(f"{root.alias}.{quoted(link[0])} = ?")
            parameters.append(link[1])
        elif source.name == "ContentDocumentLink" and not sosl and not _links_are_filtered(query.where):
            raise malformed(_LINK_RESTRICTION, query.source.start)
        order = [self._order_term(term) for term in query.order] or [f"{root.alias}.rowid"]
        base = f" FROM {self._tables.table(source.name)} {root.alias} " + " ".join(self._joins)
        base += " WHERE " + (" AND ".join(where) or "1")
        columns = [one.sql for one in selected if one.sql]
        columns += [f"{scope.alias}.Id" for scope in self._scopes.values()]
        limit = "" if query.limit is None else f" LIMIT {min(query.limit, _MOST_ROWS)}"
        if query.offset:
            self._check_offset(query)
            limit = (limit or " LIMIT -1") + f" OFFSET {query.offset}"
        sql = f"SELECT {', '.join(columns)}{base} ORDER BY {', '.join(order)}{limit}"
        counted = f"SELECT COUNT(*) FROM (SELECT 1{base}{limit})"
        return Plan(source, sql, counted, parameters, selected, dict(self._scopes), subqueries)

    def inner_select(self, query: Query, column: Column) -> tuple[str, list[Value]]:
        """The SQL of a semi-join's inner query for the outer ``column``. Raises SoqlError."""
        source = object_of(self._tables, self._actor, query.source)
        if source.name in _NO_SEMI_JOIN:
            raise malformed(f"Entity '{source.name}' is not supported for semi join inner selects", query.source.start)
        if len(query.fields) != 1 or query.subqueries or query.is_count:
            raise malformed("semi join sub-selects can only select a single field", query.start)
        root = self._start(source, query)
        wanted = self.resolve(query.fields[0])
        if wanted.field.type not in (FieldType.ID, FieldType.REFERENCE):
            raise malformed(
                f"The inner select field '{query.fields[0].text}' must be an ID or reference field",
                query.fields[0].start,
            )
        targets = set(wanted.field.reference_to) or {wanted.object_name}
        outer = set(column.field.reference_to) or {column.object_name}
        if not targets & outer:
            raise malformed(
                f"The selected field '{query.fields[0].text}' in the subquery and the left operand field in the where "
                "expression in the outer query should point to the same object type",
                query.fields[0].start,
            )
        where, parameters = self._where(query, root, with_deleted=False)
        where.append(f"{wanted.sql} IS NOT NULL")
        base = f"FROM {self._tables.table(source.name)} {root.alias} " + " ".join(self._joins)
        limit = "" if query.limit is None else f" LIMIT {min(query.limit, _MOST_ROWS)}"
        return f"SELECT {wanted.sql} {base} WHERE {' AND '.join(where)}{limit}", parameters

    def condition_sql(self, source: SObjectType, condition: Condition) -> tuple[str, list[Value]]:
        """SELECT of the ids of records that meet a bare condition (validation rules, SOSL)."""
        query = Query((), (), (), FieldPath((source.name,), 0), "", condition, (), None, 0, 0, False, 0)
        root = self._start(source, query)
        where, parameters = self._where(query, root, with_deleted=False)
        base = f"FROM {self._tables.table(source.name)} {root.alias} " + " ".join(self._joins)
        return f"SELECT {root.alias}.Id {base} WHERE {' AND '.join(where)}", parameters

    def resolve(self, path: FieldPath) -> Column:
        """The column at the end of a path. Raises SoqlError."""
        scope, field = self._walk(path)
        return Column(f"{scope.alias}.{quoted(field.name)}", field, scope.sobject.name)

    def _start(self, source: SObjectType, query: Query) -> Scope:
        root = Scope(source, f"t{self._depth}", ())
        self._scopes[()] = root
        self._qualifiers = tuple(
            one.lower() for one in (query.alias, query.source.text) if one and one.lower() not in source.by_relationship
        )
        return root

    def _walk(self, path: FieldPath) -> tuple[Scope, Field]:
        names = path.names
        if len(names) > 1 and names[0].lower() in self._qualifiers:
            names = names[1:]
        if len(names) - 1 > _MAX_PARENT_LEVELS:
            raise malformed("Cannot traverse more than 5 levels of parent relationships", path.start)
        scope = self._scopes[()]
        for name in names[:-1]:
            scope = self._parent(scope, name, path)
        field = scope.sobject.get(names[-1])
        if field is None or not self._actor.can_see(scope.sobject, field):
            text = f"No such column '{names[-1]}' on entity '{scope.sobject.name}'. {_APPEND_FIELD}"
            raise SoqlError("INVALID_FIELD", text, path.start)
        return scope, field

    def _parent(self, scope: Scope, name: str, path: FieldPath) -> Scope:
        link = scope.sobject.by_relationship.get(name.lower())
        target = None
        if link is not None and self._actor.can_see(scope.sobject, link):
            target = self._tables.schema.get("Name" if link.polymorphic else link.reference_to[0])
        if link is None or target is None or not self._actor.can_read(target):
            text = f"Didn't understand relationship '{name}' in field path. {_APPEND_RELATIONSHIP}"
            raise SoqlError("INVALID_FIELD", text, path.start)
        key = (*scope.path, link.relationship_name)
        if key not in self._scopes:
            alias = f"t{self._depth}_{len(self._scopes)}"
            self._joins.append(
                f"LEFT JOIN {self._tables.table(target.name)} {alias} ON {alias}.Id = {scope.alias}.{quoted(link.name)}"
            )
            self._scopes[key] = Scope(target, alias, key)
        return self._scopes[key]

    def _select(self, query: Query) -> list[Selected]:
        selected: list[Selected] = []
        seen: set[tuple[str, ...]] = set()
        for path in query.fields:
            scope, field = self._walk(path)
            key = (*scope.path, field.name)
            if key in seen:
                raise malformed(f"duplicate field selected: {path.text}", path.start)
            seen.add(key)
            sql = f"{scope.alias}.{quoted(field.name)}" if field.stored else ""
            selected.append(Selected(key, field, scope, sql))
        return selected

    def _subquery(self, source: SObjectType, query: Query) -> SubqueryPlan:
        if query.source.text.lower() in _ACTIVITY_LISTS:
            raise not_implemented(f"the relationship {query.source.text}")
        relationship = self._tables.schema.child_named(source.name, query.source.text)
        child = None if relationship is None else self._tables.schema.objects[relationship.child]
        if relationship is None or child is None or not self._actor.can_read(child):
            text = f"Didn't understand relationship '{query.source.text}' in FROM part of query call. "
            raise SoqlError("INVALID_TYPE", text + _APPEND_RELATIONSHIP, query.source.start)
        link = child.by_name[relationship.field_name.lower()]
        return SubqueryPlan(relationship.name, query, child, link)

    def _where(self, query: Query, root: Scope, *, with_deleted: bool) -> tuple[list[str], list[Value]]:
        terms: list[str] = []
        compiler = FilterCompiler(self.resolve, self._semi_join, self._moments)
        if query.where is not None:
            terms.append(compiler.compile(query.where))
        if root.sobject.soft_delete and not with_deleted:
            terms.append(f"{root.alias}.IsDeleted = 0")
        return terms or ["1"], compiler.parameters

    def _semi_join(self, condition: SemiJoin, column: Column) -> tuple[str, list[Value]]:
        if self._depth:
            raise malformed("Nesting of semi join sub-selects is not supported", condition.path.start)
        if column.field.type not in (FieldType.ID, FieldType.REFERENCE):
            raise malformed(
                "The left operand field in the where expression for outer query should be an ID field",
                condition.path.start,
            )
        inner = Planner(self._tables, self._actor, self._moments, depth=self._depth + 1)
        return inner.inner_select(condition.query, column)

    def _order_term(self, term: OrderTerm) -> str:
        column = self.resolve(term.path)
        if not column.field.sortable:
            raise SoqlError(
                "INVALID_FIELD", f"field '{column.field.name}' can not be sorted in a query call", term.path.start
            )
        direction = "DESC" if term.descending else "ASC"
        return f"{column.sql} {direction} NULLS {'LAST' if term.nulls_last else 'FIRST'}"

    def _check_offset(self, query: Query) -> None:
        if query.offset > MAX_OFFSET:
            raise SoqlError(
                "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}", query.offset_start
            )


def _links_are_filtered(condition: Condition | None) -> bool:
    """Whether ContentDocumentLink rows are limited to ids of documents or of linked records."""
    if isinstance(condition, Junction) and condition.operator == "AND":
        return any(_links_are_filtered(one) for one in condition.conditions)
    if isinstance(condition, Comparison | Membership | SemiJoin):
        if condition.path.names[-1].lower() not in ("contentdocumentid", "linkedentityid"):
            return False
        if isinstance(condition, Comparison):
            return condition.operator == "="
        return not condition.negated if isinstance(condition, SemiJoin) else condition.operator == "IN"
    return False
