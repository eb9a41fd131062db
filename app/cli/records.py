"""Records as a person types them: an id, or type and id."""

from __future__ import annotations

import re

from app.crm.targets import RecordTarget
from app.errors import ValidationFailed
from app.model.ids import RecordId, creating_operation

# The first three characters of an id name the object (Salesforce: Standard Field Record ID Prefix Decoder).
PREFIXES = {
    "001": "Account",
    "003": "Contact",
    "005": "User",
    "006": "Opportunity",
    "00Q": "Lead",
    "00T": "Task",
    "00U": "Event",
    "500": "Case",
    "701": "Campaign",
}


def record_target(text: str, known: list[RecordTarget]) -> RecordTarget:
    """``006…`` or ``Project__c:a01…`` or ``local:<operation>`` as a target; ``known`` are the records acted on before.

    Raises ValidationFailed.
    """
    object_type, separator, record_id = text.rpartition(":")
    if object_type == "local":
        object_type, record_id = "", text
    for target in known:
        if target.record_id == record_id or (len(record_id) == 15 and target.record_id[:15] == record_id):
            return target
    if creating_operation(RecordId(record_id)) is not None:
        raise ValidationFailed("no queued operation creates that record", code="no_such_record")
    if not re.fullmatch(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?", record_id):
        raise ValidationFailed("a record is given by its id of 15 or 18 characters", code="no_such_record")
    if not separator:
        object_type = PREFIXES.get(record_id[:3], "")
    if not object_type:
        raise ValidationFailed(
            "the id does not tell its object: give it as TYPE:ID, for example Project__c:a01…", code="no_such_record"
        )
    return RecordTarget(RecordId(record_id), object_type, "")
