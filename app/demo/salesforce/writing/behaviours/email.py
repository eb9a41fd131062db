"""EmailMessage and its relations, with the rules of the Object Reference (v65).

Where the reference gives a rule but not the error, the code says so.
"""

from __future__ import annotations

import html
import re
from typing import Any

from app.demo.salesforce.errors import fields_not_writable, refuse, required_missing
from app.demo.salesforce.reading import id_list
from app.demo.salesforce.records import Record, moment
from app.demo.salesforce.schema.activities import COMPLETED
from app.demo.salesforce.writing.change import Behaviour, Change, Writing

NEW, READ, SENT, DRAFT = "0", "1", "3", "5"
_RELATION_TYPES = {"ToIds": "ToAddress", "CcIds": "CcAddress", "BccIds": "BccAddress"}
_PEOPLE = ("Contact", "Lead", "User")
_ALWAYS_OPEN = {"IsExternallyVisible"}
_CLIENT_MANAGED = {"RelatedToId", "ContentDocumentIds"}
_TAG = re.compile(r"<(?:script|style)\b.*?</(?:script|style)\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"<(?:br|/p|/div|/tr|/li)\b[^>]*>", re.IGNORECASE)


class EmailMessageBehaviour(Behaviour):
    """A logged e-mail: relations to people, an automatic task, and hardly any change afterwards."""

    def before_write(self, writing: Writing, change: Change) -> None:
        """Complete a new message; refuse most changes of one that is not a draft."""
        if change.creating:
            self._complete(writing, change)
        elif not writing.actor.is_system:
            self._check_change(change)

    def after_write(self, writing: Writing, change: Change) -> None:
        """Write relations, file links and the task."""
        if change.creating and change.values.get("FromId"):
            self._relate(writing, change, [str(change.values["FromId"])], "FromAddress")
        for name, ids in change.id_lists.items():
            if name == "ContentDocumentIds":
                self._link_files(writing, change, ids or [])
            else:
                self._replace_relations(writing, change, ids, _RELATION_TYPES[name])
        if change.creating:
            self._make_task(writing, change)
        elif change.changes("RelatedToId") and change.now("ActivityId"):
            task = {"WhatId": change.values["RelatedToId"]}
            writing.as_system().update("Task", str(change.now("ActivityId")), task)

    def before_delete(self, writing: Writing, change: Change) -> None:
        """Take the file links and the automatic task along (unverified: that a real org deletes the task)."""
        for link in writing.org.tables.find("ContentDocumentLink", LinkedEntityId=change.record_id):
            writing.as_system().delete("ContentDocumentLink", str(link["Id"]))
        task_id = change.old.get("ActivityId")
        if task_id and writing.org.tables.get("Task", str(task_id)):
            writing.as_system().delete("Task", str(task_id))

    def _complete(self, writing: Writing, change: Change) -> None:
        values = change.values
        case_id = values.get("ParentId")
        if case_id:
            if values.get("RelatedToId") not in (None, case_id):
                raise refuse("FIELD_INTEGRITY_EXCEPTION", "Related To ID: must be equal to ParentId", ["RelatedToId"])
            values["RelatedToId"] = case_id
        if not writing.actor.is_system:
            self._check_new(change)
        if not values.get("TextBody") and values.get("HtmlBody"):
            values["TextBody"] = plain_text(str(values["HtmlBody"]))
        values["MessageDate"] = values.get("MessageDate") or moment(writing.org.now())
        values["Name"] = str(values.get("Subject") or "")[:255] or None
        values["HasAttachment"] = int(bool(change.id_lists.get("ContentDocumentIds")))

    def _check_new(self, change: Change) -> None:
        values = change.values
        if values.get("ParentId") is None:
            if values.get("Status") != SENT:
                # the rule is documented ("only 3 is valid"), the error text is not
                text = "Status: bad value for an email that is not part of a case; only 3 (Sent) is valid"
                raise refuse("FIELD_INTEGRITY_EXCEPTION", text, ["Status"])
            if values.get("ActivityId"):
                text = "Activity ID: can be set for emails of a case only"
                raise refuse("FIELD_INTEGRITY_EXCEPTION", text, ["ActivityId"])
        if values.get("Headers") and not values.get("Incoming"):
            raise refuse("FIELD_INTEGRITY_EXCEPTION", "Headers: for incoming emails only", ["Headers"])

    def _check_change(self, change: Change) -> None:
        """Only a draft is free; the error for the rest is not documented, it is worded as a field without rights."""
        if change.old.get("Status") == DRAFT:
            return
        open_fields = _ALWAYS_OPEN | (_CLIENT_MANAGED if change.old.get("IsClientManaged") else set())
        touched = [name for name in (*change.values, *change.id_lists) if not name.endswith("__c")]
        refused = [name for name in touched if name not in open_fields and name != "Status"]
        if "Status" in touched and (change.old.get("Status"), change.values["Status"]) != (NEW, READ):
            refused.append("Status")
        if refused:
            raise fields_not_writable(refused)

    def _replace_relations(self, writing: Writing, change: Change, ids: list[str] | None, relation_type: str) -> None:
        present = writing.org.tables.find(
            "EmailMessageRelation", EmailMessageId=change.record_id, RelationType=relation_type
        )
        for row in present:
            writing.org.tables.remove("EmailMessageRelation", str(row["Id"]))
        self._relate(writing, change, ids or [], relation_type)

    def _relate(self, writing: Writing, change: Change, ids: list[str], relation_type: str) -> None:
        for person_id in ids:
            person = writing.referenced(person_id, _PEOPLE, relation_type, relation_type)
            relation = {"EmailMessageId": change.record_id, "RelationId": person_id, "RelationType": relation_type,
                        "RelationAddress": person.get("Email")}  # fmt: skip
            writing.as_system().create("EmailMessageRelation", relation)

    def _link_files(self, writing: Writing, change: Change, ids: list[str]) -> None:
        present = writing.org.tables.find("ContentDocumentLink", LinkedEntityId=change.record_id)
        for link in present:
            if link["ContentDocumentId"] not in ids:
                writing.as_system().delete("ContentDocumentLink", str(link["Id"]))
        linked = {link["ContentDocumentId"] for link in present}
        for document_id in ids:
            writing.referenced(document_id, ("ContentDocument",), "ContentDocumentIds", "Content Document ID")
            if document_id not in linked:
                link = {"ContentDocumentId": document_id, "LinkedEntityId": change.record_id, "ShareType": "V"}
                writing.as_system().create("ContentDocumentLink", link)
        writing.org.tables.update("EmailMessage", change.record_id, {"HasAttachment": int(bool(ids))})

    def _make_task(self, writing: Writing, change: Change) -> None:
        """The task that Enhanced Email makes by itself; none for an incoming mail of a case, unless client-managed."""
        values = change.values
        of_incoming_case = values.get("Incoming") and values.get("ParentId")
        if values.get("ActivityId") or (of_incoming_case and not values.get("IsClientManaged")):
            return
        what, who = values.get("RelatedToId"), self._correspondent(writing, change)
        if what and who and who.startswith("00Q"):
            who = None
        task: Record = {
            "Subject": f"Email: {values.get('Subject') or ''}"[:255].strip(),
            "TaskSubtype": "Email",
            "Status": COMPLETED,
            "Priority": "Normal",
            "ActivityDate": str(values["MessageDate"])[:10],
            "WhoId": who,
            "WhatId": what,
            "Description": str(values.get("TextBody") or "")[:32000],
            "OwnerId": writing.actor.user_id,
        }
        if writing.actor.is_system:
            task |= {
                name: values.get(name)
                for name in ("CreatedDate", "CreatedById", "LastModifiedDate")
                if values.get(name)
            }
            task["OwnerId"] = values.get("CreatedById") or task["OwnerId"]
        task_id = writing.as_system().create("Task", task)
        writing.org.tables.update("EmailMessage", change.record_id, {"ActivityId": task_id})

    def _correspondent(self, writing: Writing, change: Change) -> str | None:
        """The first contact or lead on the other side of the mail."""
        people: list[Any] = [change.values.get("FromId")] if change.values.get("Incoming") else []
        for name in ("ToIds", "CcIds"):
            people += id_list(writing.org.tables, "EmailMessage", name, change.record_id) or []
        return next((str(one) for one in people if one and str(one).startswith(("003", "00Q"))), None)


class EmailMessageRelationBehaviour(Behaviour):
    """A person or address of a message."""

    def before_write(self, writing: Writing, change: Change) -> None:
        """Name the kind of person; fill the address from the person's record."""
        values = change.values
        person_id = values.get("RelationId")
        if not person_id:
            if not values.get("RelationAddress"):
                raise required_missing(["RelationId"])
            return
        person = writing.referenced(str(person_id), _PEOPLE, "RelationId", "Relation ID")
        sobject = writing.org.schema.of_id(str(person_id))
        values["RelationObjectType"] = sobject.name if sobject else None
        values["RelationAddress"] = values.get("RelationAddress") or person.get("Email")


def plain_text(markup: str) -> str:
    """The text of an HTML body: what the server derives ``TextBody`` from."""
    text = html.unescape(_TAG.sub("", _BREAK.sub("\n", markup)))
    return re.sub(r"[ \t]+", " ", text).strip()
