"""The rules that an administrator made: validation rules and duplicate rules of the fixture."""

from __future__ import annotations

from typing import Any

from app.demo.salesforce.access import Actor
from app.demo.salesforce.database import quoted
from app.demo.salesforce.errors import ApiError, refuse
from app.demo.salesforce.org import DuplicateRule, Org
from app.demo.salesforce.reading import attributes, whole_record
from app.demo.salesforce.records import Record
from app.demo.salesforce.schema import SObjectType
from app.demo.salesforce.soql.parser import parse_condition
from app.demo.salesforce.soql.plan import Planner
from app.demo.salesforce.writing.change import WriteOptions


def check_validation_rules(org: Org, sobject: SObjectType, record_id: str, changed: frozenset[str]) -> None:
    """Refuse the record just written if a rule's condition holds for it. Raises ApiError."""
    system = org.system()
    for rule in org.settings.validation_rules:
        if rule.object_name != sobject.name or (rule.on_change_of and not changed & set(rule.on_change_of)):
            continue
        planner = Planner(org.tables, system, org.moments(system.user_id))
        sql, parameters = planner.condition_sql(sobject, parse_condition(rule.condition))
        if org.database.rows(f"SELECT 1 FROM ({sql}) WHERE Id = ?", [*parameters, record_id]):
            raise refuse("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, [rule.field] if rule.field else [])


def check_duplicates(org: Org, actor: Actor, sobject: SObjectType, values: Record, options: WriteOptions) -> None:
    """Refuse a new record that a duplicate rule matches, unless the rule lets it pass. Raises ApiError."""
    for rule in org.settings.duplicate_rules:
        if rule.object_name != sobject.name or (rule.action == "alert" and options.allow_save):
            continue
        matches = _matches(org, sobject, values, rule)
        if matches:
            raise _duplicates_detected(org, actor, sobject, rule, matches, options)


def _matches(org: Org, sobject: SObjectType, values: Record, rule: DuplicateRule) -> list[Record]:
    found: dict[str, Record] = {}
    for names in rule.match:
        wanted = [values.get(name) for name in names]
        if any(value is None for value in wanted):
            continue
        terms = " AND ".join(f"{quoted(name)} = ?" for name in names)
        sql = f"SELECT * FROM {org.tables.table(sobject.name)} WHERE {terms} AND IsDeleted = 0"
        for row in org.database.rows(sql, wanted):
            found[row["Id"]] = dict(zip(row.keys(), row, strict=True))
    return list(found.values())


def _duplicates_detected(
    org: Org, actor: Actor, sobject: SObjectType, rule: DuplicateRule, matches: list[Record], options: WriteOptions
) -> ApiError:
    """400 as captured from real orgs, where the key is spelt ``duplicateResut``."""
    result: dict[str, Any] = {
        "allowSave": rule.action == "alert",
        "duplicateRule": rule.name,
        "duplicateRuleEntityType": sobject.name,
        "errorMessage": rule.message,
        "matchResults": [
            {
                "entityType": sobject.name,
                "errors": [],
                "matchEngine": "FuzzyMatchEngine",
                "matchRecords": [
                    {
                        "additionalInformation": [],
                        "fieldDiffs": [],
                        "matchConfidence": 100.0,
                        "record": _shown(org, actor, sobject, record, options),
                    }
                    for record in matches
                ],
                "rule": rule.match_rule,
                "size": len(matches),
                "success": True,
            }
        ],
    }
    return refuse("DUPLICATES_DETECTED", rule.message, duplicateResut=result)


def _shown(org: Org, actor: Actor, sobject: SObjectType, record: Record, options: WriteOptions) -> dict[str, Any]:
    if options.include_record_details:
        return whole_record(org.tables, sobject, actor.visible_fields(sobject), record, options.version)
    record_id = str(record["Id"])
    return {"attributes": attributes(options.version, sobject.name, record_id), "Id": record_id}
