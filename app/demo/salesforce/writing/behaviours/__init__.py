"""What each standard object does by itself: derived fields, automatic records, rules that no administrator made."""

from __future__ import annotations

from app.demo.salesforce.writing.behaviours.activities import EventBehaviour, FeedItemBehaviour, TaskBehaviour
from app.demo.salesforce.writing.behaviours.content import (
    ContentDocumentBehaviour,
    ContentDocumentLinkBehaviour,
    ContentVersionBehaviour,
)
from app.demo.salesforce.writing.behaviours.crm import (
    AccountBehaviour,
    CaseBehaviour,
    ContactBehaviour,
    LeadBehaviour,
    OpportunityBehaviour,
    PersonBehaviour,
)
from app.demo.salesforce.writing.behaviours.email import EmailMessageBehaviour, EmailMessageRelationBehaviour
from app.demo.salesforce.writing.change import Behaviour

_PLAIN = Behaviour()


def behaviour_of(object_name: str) -> Behaviour:
    """The behaviour of an object; custom objects and the rest have the plain one."""
    return _BEHAVIOURS.get(object_name, _PLAIN)


_BEHAVIOURS: dict[str, Behaviour] = {
    "Account": AccountBehaviour(),
    "Case": CaseBehaviour(),
    "Contact": ContactBehaviour(),
    "ContentDocument": ContentDocumentBehaviour(),
    "ContentDocumentLink": ContentDocumentLinkBehaviour(),
    "ContentVersion": ContentVersionBehaviour(),
    "EmailMessage": EmailMessageBehaviour(),
    "EmailMessageRelation": EmailMessageRelationBehaviour(),
    "Event": EventBehaviour(),
    "FeedItem": FeedItemBehaviour(),
    "Lead": LeadBehaviour(),
    "Opportunity": OpportunityBehaviour(),
    "Task": TaskBehaviour(),
    "User": PersonBehaviour(),
}
