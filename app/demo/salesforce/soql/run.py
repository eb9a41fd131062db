"""Running a statement: rows become records with parents and child sets, handed out page by page."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.demo.salesforce.access import Actor
from app.demo.salesforce.errors import refuse
from app.demo.salesforce.ids import make_id
from app.demo.salesforce.reading import attributes, shown
from app.demo.salesforce.records import RecordTables
from app.demo.salesforce.soql.filters import Moments
from app.demo.salesforce.soql.parser import parse_query
from app.demo.salesforce.soql.plan import Plan, Planner, Scope, SubqueryPlan
from app.demo.salesforce.soql.syntax import Query
from app.demo.salesforce.soql.tokens import SoqlError

PAGE = 2000
SMALLEST_PAGE = 200
_LOCATOR_PREFIX = "01g"
_OPEN_CURSORS = 10


@dataclass(frozen=True)
class Cursor:
    """The records of a query that did not fit on its first page."""

    user_id: str
    version: str
    page: int
    records: Sequence[dict[str, Any]]


class QueryRunner:
    """SOQL over the tables of one org; keeps the cursors of unfinished queries, ten for each user."""

    def __init__(self, tables: RecordTables) -> None:
        self._tables = tables
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()
        self._serial = 0

    def run(
        self, statement: str, actor: Actor, moments: Moments, version: str, *, page: int = PAGE,
        with_deleted: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        """The answer of the query resource. Raises ApiError."""
        try:
            query = parse_query(statement)
            plan = Planner(self._tables, actor, moments).plan(query, with_deleted=with_deleted)
            if query.is_count:
                return {"totalSize": self._count(plan), "done": True, "records": []}
            records = self._records(plan, actor, moments, version)
        except SoqlError as exc:
            raise exc.as_api_error(statement) from exc
        page = min(max(page, SMALLEST_PAGE), PAGE)
        if len(records) <= page:
            return {"totalSize": len(records), "done": True, "records": records}
        self._serial += 1
        locator = make_id(_LOCATOR_PREFIX, self._serial)
        self._cursors[locator] = Cursor(actor.user_id, version, page, records)
        self._drop_oldest(actor.user_id)
        return self._page(locator, 0)

    def run_parsed(
        self, query: Query, actor: Actor, moments: Moments, version: str, ids: set[str]
    ) -> list[dict[str, Any]]:
        """The records of a query (of SOSL) that are among ``ids``. Raises SoqlError."""
        plan = Planner(self._tables, actor, moments).plan(query, sosl=True)
        return self._records(plan, actor, moments, version, only=ids)

    def more(self, locator: str, actor: Actor) -> dict[str, Any]:
        """The page that a ``nextRecordsUrl`` names ("01g...-2000"). Raises ApiError."""
        name, _, start = locator.partition("-")
        cursor = self._cursors.get(name)
        if cursor is None or cursor.user_id != actor.user_id or not start.isdigit() or int(start) > len(cursor.records):
            raise refuse("INVALID_QUERY_LOCATOR", "Invalid query locator", status=404)
        return self._page(name, int(start))

    def forget(self) -> None:
        """Close every cursor."""
        self._cursors.clear()

    def _page(self, locator: str, start: int) -> dict[str, Any]:
        cursor = self._cursors[locator]
        end = start + cursor.page
        answer: dict[str, Any] = {"totalSize": len(cursor.records), "done": end >= len(cursor.records)}
        if not answer["done"]:
            answer["nextRecordsUrl"] = f"/services/data/v{cursor.version}/query/{locator}-{end}"
        answer["records"] = list(cursor.records[start:end])
        return answer

    def _drop_oldest(self, user_id: str) -> None:
        own = [name for name, cursor in self._cursors.items() if cursor.user_id == user_id]
        for name in own[:-_OPEN_CURSORS]:
            del self._cursors[name]

    def _count(self, plan: Plan) -> int:
        row = self._tables.database.row(plan.count_sql, plan.parameters)
        assert row is not None
        return int(row[0])

    def _records(
        self, plan: Plan, actor: Actor, moments: Moments, version: str, only: set[str] | None = None
    ) -> list[dict[str, Any]]:
        records = []
        for row in self._tables.database.rows(plan.sql, plan.parameters):
            record_id = str(tuple(row)[len(plan.columns)])
            if only is not None and record_id not in only:
                continue
            record = self._record(plan, tuple(row), version)
            for subquery in plan.subqueries:
                record[subquery.name] = self._children(subquery, record_id, actor, moments, version)
            records.append(record)
        return records

    def _record(self, plan: Plan, row: tuple[Any, ...], version: str) -> dict[str, Any]:
        width = len(plan.columns)
        ids = dict(zip(plan.parents, row[width:], strict=False))
        record: dict[str, Any] = {"attributes": attributes(version, plan.sobject.name, ids[()])}
        nodes: dict[tuple[str, ...], dict[str, Any] | None] = {(): record}
        values = iter(row)
        for one in plan.selected:
            value = next(values) if one.sql else None
            node = self._node(plan, one.path[:-1], nodes, ids, version)
            if node is not None:
                columns = {"Id": ids[one.scope.path], one.field.name: value}
                node[one.field.name] = shown(self._tables, one.scope.sobject, one.field, columns, version)
        return record

    def _node(
        self, plan: Plan, path: tuple[str, ...], nodes: dict[tuple[str, ...], dict[str, Any] | None],
        ids: dict[tuple[str, ...], Any], version: str,
    ) -> dict[str, Any] | None:  # fmt: skip
        """The record at a parent path, made on first use; None where the reference is empty."""
        if path in nodes:
            return nodes[path]
        outer = self._node(plan, path[:-1], nodes, ids, version)
        parent_id = ids.get(path)
        node = None
        if parent_id is not None:
            node = {"attributes": self._parent_attributes(plan.parents[path], str(parent_id), version)}
        if outer is not None:
            outer[path[-1]] = node
        nodes[path] = node
        return node

    def _parent_attributes(self, scope: Scope, parent_id: str, version: str) -> dict[str, str]:
        if scope.sobject.name != "Name":
            return attributes(version, scope.sobject.name, parent_id)
        real = self._tables.schema.of_id(parent_id)
        # unverified: that a polymorphic parent has the type "Name" in every version
        return {"type": "Name", "url": attributes(version, real.name if real else "Name", parent_id)["url"]}

    def _children(
        self, subquery: SubqueryPlan, parent_id: str, actor: Actor, moments: Moments, version: str
    ) -> dict[str, Any] | None:
        plan = subplan(self._tables, subquery, parent_id, actor, moments)
        records = self._records(plan, actor, moments, version)
        return {"totalSize": len(records), "done": True, "records": records} if records else None


def subplan(tables: RecordTables, subquery: SubqueryPlan, parent_id: str, actor: Actor, moments: Moments) -> Plan:
    """The plan of a child query for one parent."""
    planner = Planner(tables, actor, moments)
    return planner.plan(subquery.query, sobject=subquery.child, link=(subquery.link.name, parent_id))
