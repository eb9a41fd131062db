"""Task, Event, EmailMessage, EmailMessageRelation and FeedItem.

EmailMessage follows the Object Reference (v65): ``MessageIdentifier`` is idLookup without Unique; body lengths are not
in the reference, so the lengths here are assumptions that only a real org's describe can settle (unverified).
"""

from __future__ import annotations

from app.demo.salesforce.schema.crm import owner
from app.demo.salesforce.schema.fields import (
    FieldType,
    boolean,
    date,
    datetime_,
    email,
    id_list,
    integer,
    make,
    picklist,
    read_only,
    reference,
    string,
    textarea,
    url,
)
from app.demo.salesforce.schema.objects import SObjectType, sobject

WHO = ("Contact", "Lead")
WHAT = ("Account", "Opportunity", "Case")
PRIORITIES = ("High", "Normal", "Low")
TASK_STATUSES = ("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred")
COMPLETED = "Completed"
TASK_SUBTYPES = ("Task", "Email", "ListEmail", "Cadence", "Call", "LinkedIn")
EMAIL_STATUSES = ("0", "1", "2", "3", "4", "5")
EMAIL_STATUS_LABELS = ("New", "Read", "Replied", "Sent", "Forwarded", "Draft")
RELATION_TYPES = ("FromAddress", "ToAddress", "CcAddress", "BccAddress", "OtherAddress")


def activity_objects(custom_objects: tuple[str, ...], *, enhanced_email: bool) -> tuple[SObjectType, ...]:
    """The activity objects of an org; custom objects join the targets of ``WhatId``.

    Without Enhanced Email (and without Email-to-Case) EmailMessage and its relations do not exist.
    """
    what = WHAT + custom_objects
    objects = [_task(what), _event(what), _feed_item(custom_objects)]
    if enhanced_email:
        objects += [_email_message(what), EMAIL_MESSAGE_RELATION]
    return tuple(objects)


def _task(what: tuple[str, ...]) -> SObjectType:
    return sobject(
        "Task",
        "00T",
        reference("WhoId", *WHO, relationship="Who", label="Name ID", child="Tasks"),
        reference("WhatId", *what, relationship="What", label="Related To ID", child="Tasks"),
        read_only(integer("WhoCount", label="Relation Count")),
        read_only(integer("WhatCount", label="Related To Count")),
        make("Subject", FieldType.COMBOBOX, length=255, name_field=True,
             values=("Call", "Email", "Send Letter", "Send Quote", "Other")),
        date("ActivityDate", label="Due Date Only"),
        picklist("Status", TASK_STATUSES, nillable=False, defaulted=True, default="Not Started"),
        picklist("Priority", PRIORITIES, nillable=False, defaulted=True, default="Normal"),
        read_only(boolean("IsHighPriority", label="High Priority")),
        owner("Group", "User"),
        textarea("Description", 32000, label="Description"),
        picklist("Type", ("Call", "Email", "Meeting", "Other")),
        read_only(reference("AccountId", "Account", child="Tasks")),
        read_only(boolean("IsClosed", label="Closed")),
        read_only(boolean("IsArchived", label="Archived")),
        integer("CallDurationInSeconds", label="Call Duration"),
        picklist("CallType", ("Internal", "Inbound", "Outbound")),
        string("CallDisposition", 255, label="Call Result"),
        string("CallObject", 255, label="Call Object Identifier"),
        datetime_("ReminderDateTime"),
        boolean("IsReminderSet", label="Reminder Set"),
        boolean("IsVisibleInSelfService", label="Public"),
        read_only(boolean("IsRecurrence", label="Create Recurring Series of Tasks")),
        picklist("TaskSubtype", TASK_SUBTYPES, updateable=False, restricted_picklist=True, defaulted=True,
                 default="Task"),
        read_only(datetime_("CompletedDateTime", label="Completed Date")),
        searchable=True,
        feed_enabled=True,
    )  # fmt: skip


def _event(what: tuple[str, ...]) -> SObjectType:
    return sobject(
        "Event",
        "00U",
        reference("WhoId", *WHO, relationship="Who", label="Name ID", child="Events"),
        reference("WhatId", *what, relationship="What", label="Related To ID", child="Events"),
        read_only(integer("WhoCount", label="Relation Count")),
        read_only(integer("WhatCount", label="Related To Count")),
        make("Subject", FieldType.COMBOBOX, length=255, name_field=True,
             values=("Call", "Email", "Meeting", "Send Letter/Quote", "Other")),
        string("Location", 255),
        boolean("IsAllDayEvent", label="All-Day Event"),
        datetime_("ActivityDateTime", label="Due Date Time"),
        date("ActivityDate", label="Due Date Only"),
        integer("DurationInMinutes", label="Duration"),
        datetime_("StartDateTime", label="Start Date Time"),
        datetime_("EndDateTime", label="End Date Time"),
        read_only(date("EndDate")),
        textarea("Description", 32000),
        read_only(reference("AccountId", "Account", child="Events")),
        owner("User"),
        picklist("Type", ("Email", "Meeting", "Other", "Call")),
        boolean("IsPrivate", label="Private"),
        picklist("ShowAs", ("Busy", "OutOfOffice", "Free"), restricted_picklist=True, defaulted=True, default="Busy",
                 label="Show Time As"),
        read_only(boolean("IsChild")),
        read_only(boolean("IsGroupEvent", label="Is Group Event")),
        read_only(boolean("IsArchived", label="Archived")),
        boolean("IsVisibleInSelfService", label="Public"),
        read_only(boolean("IsRecurrence", label="Create Recurring Series of Events")),
        datetime_("ReminderDateTime"),
        boolean("IsReminderSet", label="Reminder Set"),
        picklist("EventSubtype", ("Event",), updateable=False, restricted_picklist=True, defaulted=True,
                 default="Event"),
        searchable=True,
        feed_enabled=True,
    )  # fmt: skip


def _email_message(what: tuple[str, ...]) -> SObjectType:
    return sobject(
        "EmailMessage",
        "02s",
        reference("ParentId", "Case", relationship="Parent", label="Case ID", child="EmailMessages", updateable=False),
        reference("ActivityId", "Task", relationship="Activity", child="", updateable=False),
        textarea("TextBody", 131072),
        textarea("HtmlBody", 131072, html=True),
        textarea("Headers", 131072),
        string("Subject", 3000, name_field=True),
        read_only(string("Name", 255)),
        string("FromName", 1000),
        email("FromAddress", length=1000),
        make("ToAddress", FieldType.STRING, length=4000),
        make("CcAddress", FieldType.STRING, length=4000),
        make("BccAddress", FieldType.STRING, length=4000),
        boolean("Incoming", label="Is Incoming"),
        read_only(boolean("HasAttachment")),
        picklist("Status", EMAIL_STATUSES, value_labels=EMAIL_STATUS_LABELS, nillable=False, defaulted=True,
                 default="3", restricted_picklist=True),
        datetime_("MessageDate", defaulted=True),
        reference("ReplyToEmailMessageId", "EmailMessage", child="", updateable=False),
        boolean("IsExternallyVisible"),
        string("MessageIdentifier", 765, id_lookup=True),
        string("ThreadIdentifier", 765, id_lookup=True),
        string("ClientThreadIdentifier", 765),
        reference("FromId", "Contact", "Lead", "User", relationship="From", child="", updateable=False),
        boolean("IsClientManaged"),
        reference("RelatedToId", *what, relationship="RelatedTo", child="Emails"),
        read_only(boolean("IsTracked")),
        read_only(boolean("IsOpened", label="Opened?")),
        picklist("Source", ("Email Integration App Manual", "Email Integration App Automatic", "Other"),
                 updateable=False),
        id_list("ToIds", label="To IDs"),
        id_list("CcIds", label="CC IDs"),
        id_list("BccIds", label="BCC IDs"),
        id_list("ContentDocumentIds", label="Files"),
        label="Email Message",
        searchable=True,
    )  # fmt: skip


EMAIL_MESSAGE_RELATION = sobject(
    "EmailMessageRelation",
    "0CF",  # unverified: no source for this key prefix was found
    reference("EmailMessageId", "EmailMessage", child="EmailMessageRelations", nillable=False, updateable=False,
              cascade_delete=True),
    reference("RelationId", "Contact", "Lead", "User", relationship="Relation", child="EmailMessageRelations",
              updateable=False),
    picklist("RelationType", RELATION_TYPES, nillable=False, updateable=False, restricted_picklist=True),
    string("RelationAddress", 1000, updateable=False),
    read_only(picklist("RelationObjectType", ("Contact", "Lead", "User"), restricted_picklist=True)),
    label="Email Message Relation",
    updateable=False,
)  # fmt: skip


def _feed_item(custom_objects: tuple[str, ...]) -> SObjectType:
    parents = ("Account", "Contact", "Lead", "Opportunity", "Case", "User", "Task", "Event", *custom_objects)
    return sobject(
        "FeedItem",
        "0D5",
        reference("ParentId", *parents, relationship="Parent", child="Feeds", nillable=False, updateable=False),
        picklist("Type", ("TextPost", "LinkPost", "ContentPost", "TrackedChange", "UserStatus"), updateable=False,
                 restricted_picklist=True, defaulted=True),
        string("Title", 255),
        textarea("Body", 10000, html=True),
        url("LinkUrl", 1000, updateable=False),
        boolean("IsRichText"),
        reference("RelatedRecordId", "ContentVersion", relationship="RelatedRecord", child="", updateable=False),
        reference("InsertedById", "User", relationship="InsertedBy", child="", createable=False, updateable=False),
        read_only(integer("CommentCount")),
        read_only(integer("LikeCount")),
        picklist("Visibility", ("AllUsers", "InternalUsers"), restricted_picklist=True, defaulted=True,
                 default="AllUsers"),
        picklist("Status", ("Published", "PendingReview"), restricted_picklist=True, defaulted=True,
                 default="Published"),
        read_only(boolean("IsClosed")),
        label="Feed Item",
    )  # fmt: skip
