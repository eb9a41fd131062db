"""Task, Event and FeedItem. Source: their pages in the Object Reference (v65)."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.demo.salesforce.errors import refuse, required_missing
from app.demo.salesforce.records import moment
from app.demo.salesforce.schema.activities import COMPLETED
from app.demo.salesforce.writing.change import Behaviour, Change, Writing

_WITH_LAST_ACTIVITY = ("Account", "Contact", "Lead", "Opportunity")
_LEAD_PREFIX = "00Q"


def check_relations(change: Change) -> None:
    """A lead as the name excludes a related record, and the counts follow the relations."""
    who, what = change.now("WhoId"), change.now("WhatId")
    if who and what and str(who).startswith(_LEAD_PREFIX):
        # unverified: the error code and text of a real org
        raise refuse("FIELD_INTEGRITY_EXCEPTION", "Related To ID: a lead cannot be combined with a related record",
                     ["WhatId"])  # fmt: skip
    change.values["WhoCount"] = int(bool(who))
    change.values["WhatCount"] = int(bool(what))


def account_of(writing: Writing, change: Change) -> str | None:
    """The account an activity belongs to: the related account, or that of the related record or contact."""
    for name in ("WhatId", "WhoId"):
        record_id = change.now(name)
        if not record_id:
            continue
        sobject = writing.org.schema.of_id(str(record_id))
        if sobject is None:
            continue
        if sobject.name == "Account":
            return str(record_id)
        record = writing.org.tables.get(sobject.name, str(record_id)) or {}
        if record.get("AccountId"):
            return str(record["AccountId"])
    return None


def note_activity(writing: Writing, change: Change, day: str) -> None:
    """Move ``LastActivityDate`` of the people and records of a finished activity forward."""
    for name in ("WhoId", "WhatId", "AccountId"):
        record_id = str(change.now(name) or "")
        sobject = writing.org.schema.of_id(record_id)
        if sobject is None or sobject.name not in _WITH_LAST_ACTIVITY:
            continue
        record = writing.org.tables.get(sobject.name, record_id)
        if record is not None and (record["LastActivityDate"] or "") < day:
            writing.org.tables.update(sobject.name, record_id, {"LastActivityDate": day})


class TaskBehaviour(Behaviour):
    """A task is open until its status says it is completed."""

    def before_write(self, writing: Writing, change: Change) -> None:
        """Derive closing, priority, account and counts."""
        values = change.values
        check_relations(change)
        values["AccountId"] = account_of(writing, change)
        if change.creating or change.changes("Status"):
            is_closed = values.get("Status") == COMPLETED
            values["IsClosed"] = int(is_closed)
            if not (writing.actor.is_system and values.get("CompletedDateTime")):
                values["CompletedDateTime"] = moment(writing.org.now()) if is_closed else None
        values["IsHighPriority"] = int(change.now("Priority") == "High")

    def after_write(self, writing: Writing, change: Change) -> None:
        """A completed task is the last activity of its people and records."""
        day = change.now("ActivityDate")
        if change.now("IsClosed") and day:
            note_activity(writing, change, str(day))


class EventBehaviour(Behaviour):
    """An event has a start and either an end or a duration."""

    def before_write(self, writing: Writing, change: Change) -> None:
        """Derive start, end, duration and day from each other."""
        values = change.values
        check_relations(change)
        values["AccountId"] = account_of(writing, change)
        if change.now("IsAllDayEvent"):
            self._all_day(change)
        elif change.creating or values.keys() & {
            "StartDateTime",
            "ActivityDateTime",
            "EndDateTime",
            "DurationInMinutes",
        }:
            self._timed(change)

    def after_write(self, writing: Writing, change: Change) -> None:
        """An event that has begun is the last activity of its people and records."""
        day = str(change.now("ActivityDate") or "")
        if day and day <= writing.org.now().date().isoformat():
            note_activity(writing, change, day)

    def _all_day(self, change: Change) -> None:
        day = change.now("ActivityDate") or str(change.now("StartDateTime") or "")[:10]
        if not day:
            raise required_missing(["ActivityDate"])
        change.values |= {"ActivityDate": day, "EndDate": day, "DurationInMinutes": 1440}

    def _timed(self, change: Change) -> None:
        values = change.values
        start = values.get("StartDateTime") or values.get("ActivityDateTime") or change.now("StartDateTime")
        if not start:
            raise required_missing(["StartDateTime"])
        begin = datetime.fromisoformat(str(start))
        if values.get("EndDateTime"):
            end = datetime.fromisoformat(str(values["EndDateTime"]))
        elif change.now("DurationInMinutes") is not None:
            end = begin + timedelta(minutes=int(str(change.now("DurationInMinutes"))))
        else:
            raise required_missing(["EndDateTime"])
        if end < begin:
            raise refuse("FIELD_INTEGRITY_EXCEPTION", "End Date Time: cannot be before the start", ["EndDateTime"])
        values |= {
            "StartDateTime": moment(begin),
            "ActivityDateTime": moment(begin),
            "EndDateTime": moment(end),
            "DurationInMinutes": int((end - begin).total_seconds() // 60),
            "ActivityDate": begin.date().isoformat(),
            "EndDate": end.date().isoformat(),
        }


class FeedItemBehaviour(Behaviour):
    """A post in a record's feed."""

    def before_write(self, writing: Writing, change: Change) -> None:
        """A link makes a link post; a text post needs a text."""
        values = change.values
        if not change.creating:
            return
        if values.get("Type") is None:
            values["Type"] = "LinkPost" if values.get("LinkUrl") else "TextPost"
        if values["Type"] == "LinkPost" and not values.get("LinkUrl"):
            raise required_missing(["LinkUrl"])
        if values["Type"] == "TextPost" and not values.get("Body"):
            raise required_missing(["Body"])
        values["InsertedById"] = writing.actor.user_id
        values["CommentCount"] = values["LikeCount"] = 0
