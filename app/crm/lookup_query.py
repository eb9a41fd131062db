"""The five queries of a lookup, and how their rows become people.

One composite, one API call: Contacts (with account and activities), Leads (with activities), opportunities by contact role, opportunities by
account, cases. What the user may not see by the last describe is left out beforehand; naming it would fail the whole query (INVALID_FIELD).
Salesforce allows a semi-join neither beside OR nor nested, hence two queries for the opportunities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from app.crm.ports import SubRequest
from app.crm.soql import in_list, query_path, select
from app.model.crm import CrmRecord, JsonObject, JsonValue, PersonMatch, Section, SectionState
from app.model.ids import RecordId

MOST_ROWS = 200
ACTIVITIES = 5
_ACTIVITY_TYPES = ("Task", "Event", "EmailMessage", "EmailMessageRelation")
OBJECT_TYPES = ("Contact", "Account", "Lead", "OpportunityContactRole", "Opportunity", "Case", *_ACTIVITY_TYPES)
VIA = "@via"
"""Key beside an opportunity's fields: "role" (the person has a role in it, see "Role") or "account" (it belongs to the person's account)."""

_PERSON = ("Id", "Name", "FirstName", "LastName", "Title", "Email", "Phone", "MobilePhone", "LastModifiedDate")
_ACCOUNT = ("Id", "Name", "Industry", "Type", "Phone", "Website", "BillingCity", "BillingCountry")
_OPPORTUNITY = ("Id", "Name", "StageName", "Amount", "CloseDate", "Probability", "AccountId", "LastModifiedDate")
_CASE = (
    "Id",
    "CaseNumber",
    "Subject",
    "Status",
    "Priority",
    "ContactId",
    "AccountId",
    "CreatedDate",
    "LastModifiedDate",
)
_TASK = ("Id", "Subject", "Status", "ActivityDate", "TaskSubtype", "IsClosed", "CreatedDate")
_MAIL = ("Id", "Subject", "Incoming", "MessageDate", "ActivityId", "CreatedDate")
_EVENT = ("Id", "Subject", "StartDateTime", "EndDateTime", "ActivityDate", "Location", "CreatedDate")

IsVisible = Callable[[str, str], bool]
"""Whether the user may see a field: ``is_visible("Contact", "Title")``; with "" for the field: the object at all."""


@dataclass(frozen=True, slots=True)
class Part:
    """One query of the lookup. ``needs`` are fields without which it makes no sense; ``objects`` are those that its error may come from."""

    name: str
    objects: tuple[str, ...]
    needs: tuple[tuple[str, str], ...]
    soql: Callable[[str, IsVisible], str] = field(repr=False)


def _contact(addresses: str, can: IsVisible) -> str:
    columns = list(_visible("Contact", (*_PERSON, "AccountId"), can))
    if can("Contact", "AccountId") and can("Account", ""):
        columns += [f"Account.{name}" for name in _visible("Account", _ACCOUNT, can)]
    columns += _activity_columns(can)
    return select(columns, "Contact", f"Email IN {addresses}", order_by="LastModifiedDate DESC, Id", limit=MOST_ROWS)


def _lead(addresses: str, can: IsVisible) -> str:
    columns = [*_visible("Lead", (*_PERSON, "Company", "Status"), can), *_activity_columns(can)]
    where = f"Email IN {addresses} AND IsConverted = false"
    return select(columns, "Lead", where, order_by="LastModifiedDate DESC, Id", limit=MOST_ROWS)


def _roles(addresses: str, can: IsVisible) -> str:
    columns = list(_visible("OpportunityContactRole", ("Id", "ContactId", "OpportunityId", "Role"), can))
    columns += [f"Opportunity.{name}" for name in _visible("Opportunity", _OPPORTUNITY, can)]
    where = f"Contact.Email IN {addresses} AND Opportunity.IsClosed = false"
    return select(columns, "OpportunityContactRole", where, order_by="Opportunity.CloseDate, Id", limit=MOST_ROWS)


def _opportunities(addresses: str, can: IsVisible) -> str:
    accounts = select(["AccountId"], "Contact", f"Email IN {addresses}")
    where = f"IsClosed = false AND AccountId IN ({accounts})"
    columns = _visible("Opportunity", _OPPORTUNITY, can)
    return select(columns, "Opportunity", where, order_by="CloseDate, Id", limit=MOST_ROWS)


def _cases(addresses: str, can: IsVisible) -> str:
    where = f"IsClosed = false AND Contact.Email IN {addresses}"
    columns = _visible("Case", _CASE, can)
    return select(columns, "Case", where, order_by="LastModifiedDate DESC, Id", limit=MOST_ROWS)


PARTS = (
    Part("contacts", ("Contact", "Account", *_ACTIVITY_TYPES), (("Contact", "Email"),), _contact),
    Part("leads", ("Lead", *_ACTIVITY_TYPES), (("Lead", "Email"),), _lead),
    Part(
        "roles",
        ("OpportunityContactRole", "Opportunity"),
        (("OpportunityContactRole", "ContactId"), ("Opportunity", "")),
        _roles,
    ),
    Part("opportunities", ("Opportunity",), (("Opportunity", "AccountId"),), _opportunities),
    Part("cases", ("Case",), (("Case", "ContactId"),), _cases),
)


def requests(parts: Iterable[Part], addresses: Sequence[str], can: IsVisible) -> list[SubRequest]:
    """The composite's parts for some addresses."""
    listed = in_list(addresses)
    return [SubRequest(part.name, "GET", query_path(part.soql(listed, can))) for part in parts]


@dataclass(frozen=True, slots=True)
class Rows:
    """What one query gave: rows, or why not."""

    state: SectionState
    rows: tuple[JsonObject, ...] = ()
    problem: str = ""


def matches(addresses: Sequence[str], answers: Mapping[str, Rows]) -> dict[str, tuple[PersonMatch, ...]]:
    """The people behind each address: Contacts before Leads, the last modified first (the order of the queries)."""
    found: dict[str, list[PersonMatch]] = {address: [] for address in addresses}
    for object_type, part in (("Contact", "contacts"), ("Lead", "leads")):
        for row in answers[part].rows:
            address = str(row.get("Email") or "").strip().lower()
            if address in found:
                found[address].append(_person(object_type, address, row, answers))
    return {address: tuple(people) for address, people in found.items()}


def _person(object_type: str, address: str, row: JsonObject, answers: Mapping[str, Rows]) -> PersonMatch:
    person = record(object_type, row)
    account = _account(row) if object_type == "Contact" else None
    is_contact = object_type == "Contact"
    return PersonMatch(
        address=address,
        person=person,
        matched_field="Email",
        account=account,
        opportunities=_opportunities_of(person, answers) if is_contact else Section(SectionState.EMPTY),
        cases=_section(answers["cases"], "Case", person.record_id, "ContactId")
        if is_contact
        else Section(SectionState.EMPTY),
        activities=_activities(row),
    )


def _opportunities_of(person: CrmRecord, answers: Mapping[str, Rows]) -> Section:
    by_role, by_account = answers["roles"], answers["opportunities"]
    if by_account.state is SectionState.DENIED and by_role.state is not SectionState.READY:
        return Section(SectionState.DENIED, problem=by_account.problem)
    found: dict[RecordId, CrmRecord] = {}
    for row in by_role.rows:
        parent = row.get("Opportunity")
        if row.get("ContactId") == person.record_id and isinstance(parent, dict):
            opportunity = record("Opportunity", parent, {VIA: "role", "Role": row.get("Role")})
            found.setdefault(opportunity.record_id, opportunity)
    account_id = person.fields.get("AccountId")
    for row in by_account.rows:
        if account_id and row.get("AccountId") == account_id:
            opportunity = record("Opportunity", row, {VIA: "account"})
            found.setdefault(opportunity.record_id, opportunity)
    problem = by_account.problem or (by_role.problem if by_role.state is SectionState.FAILED else "")
    if found:
        return Section(SectionState.READY, tuple(found.values()), problem)
    return Section(SectionState.FAILED if problem else SectionState.EMPTY, problem=problem)


def _section(answer: Rows, object_type: str, person_id: RecordId, link: str) -> Section:
    if answer.state in (SectionState.DENIED, SectionState.FAILED):
        return Section(answer.state, problem=answer.problem)
    found = tuple(record(object_type, row) for row in answer.rows if row.get(link) == person_id)
    return Section(SectionState.READY if found else SectionState.EMPTY, found)


def _activities(row: JsonObject) -> Section:
    if not any(name in row for name in ("Tasks", "Events", "EmailMessageRelations")):
        return Section(SectionState.DENIED, problem="object_not_visible")
    mails = _mails(row)
    their_tasks = {mail.text("ActivityId") for mail in mails}
    tasks = [record("Task", child) for child in _children(row, "Tasks")]
    found = [task for task in tasks if task.record_id not in their_tasks]
    found += [record("Event", child) for child in _children(row, "Events")]
    found += mails
    found.sort(key=_when, reverse=True)
    return Section(SectionState.READY if found else SectionState.EMPTY, tuple(found[:ACTIVITIES]))


def _mails(row: JsonObject) -> list[CrmRecord]:
    # A person can stand in one mail more than once, as sender and as receiver.
    parents = [child.get("EmailMessage") for child in _children(row, "EmailMessageRelations")]
    mails = [record("EmailMessage", parent) for parent in parents if isinstance(parent, dict)]
    return list({mail.record_id: mail for mail in mails}.values())


def _when(activity: CrmRecord) -> str:
    # ISO 8601 sorts as text; a task without a due date counts from its making.
    names = ("StartDateTime", "MessageDate", "ActivityDate", "CreatedDate")
    return next((text for name in names if (text := activity.text(name))), "")


def _account(row: JsonObject) -> CrmRecord | None:
    parent = row.get("Account")
    if isinstance(parent, dict) and isinstance(parent.get("Id"), str):
        return record("Account", parent)
    return None


def record(object_type: str, row: JsonObject, more: Mapping[str, JsonValue] | None = None) -> CrmRecord:
    """A row as a record: parents flattened to dotted keys, children left out."""
    fields = dict(_flat(row))
    fields.update(more or {})
    name = row.get("Name") or row.get("CaseNumber") or row.get("Subject") or ""
    return CrmRecord(RecordId(str(row.get("Id") or "")), object_type, str(name), fields)


def _flat(row: JsonObject, prefix: str = "") -> Iterator[tuple[str, JsonValue]]:
    for name, value in row.items():
        if name == "attributes":
            continue
        if isinstance(value, dict):
            if "records" not in value:
                yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _children(row: JsonObject, name: str) -> list[JsonObject]:
    # A child set is null when it is empty.
    child_set = row.get(name)
    rows = child_set.get("records") if isinstance(child_set, dict) else None
    return [child for child in rows if isinstance(child, dict)] if isinstance(rows, list) else []


def _activity_columns(can: IsVisible) -> list[str]:
    due_first = "ActivityDate DESC NULLS LAST, CreatedDate DESC"
    columns = []
    for object_type, names, children, order in (
        ("Task", _TASK, "Tasks", due_first),
        ("Event", _EVENT, "Events", "StartDateTime DESC"),
    ):
        if can(object_type, ""):
            child_query = select(_visible(object_type, names, can), children, order_by=order, limit=ACTIVITIES)
            columns.append(f"({child_query})")
    if can("EmailMessage", "") and can("EmailMessageRelation", ""):
        # The Task that the org adds to a logged mail need not name every person of it; the mail's relations do.
        mails = [f"EmailMessage.{name}" for name in _visible("EmailMessage", _MAIL, can)]
        order = "EmailMessage.MessageDate DESC"
        columns.append(f"({select(mails, 'EmailMessageRelations', order_by=order, limit=ACTIVITIES)})")
    return columns


def _visible(object_type: str, names: Sequence[str], can: IsVisible) -> Iterator[str]:
    return (name for name in names if name == "Id" or can(object_type, name))
