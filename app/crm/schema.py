"""The shape of an org as the user may see it: objects, fields, lengths, required, picklists. Stored by validator, without any record value."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Sequence

from app.clock import Clock
from app.crm.logins import CrmLogins
from app.errors import AppError, NotSupported, PermanentError, RecordNotFound, TransientError
from app.model.crm import FieldDescribe, JsonObject, JsonValue, ObjectDescribe
from app.model.ids import CrmLoginId
from app.store import crm as store
from app.store.database import Database

FRESH_S = 86_400.0
RETRY_S = 300.0


class CrmSchema:
    """Describes of objects, from RAM, the store or Salesforce. A describe is asked for again after a day, by its validator."""

    def __init__(self, database: Database, logins: CrmLogins, clock: Clock) -> None:
        self._database = database
        self._logins = logins
        self._clock = clock
        self._known: dict[tuple[CrmLoginId, str], store.StoredDescribe] = {}
        self._locks: dict[tuple[CrmLoginId, str], asyncio.Lock] = {}
        logins.when_gone(self.forget)

    async def describe(self, login_id: CrmLoginId, object_type: str, *, refresh: bool = False) -> ObjectDescribe:
        """What the user may see of an object; from the store when Salesforce can't be reached. ``refresh`` asks in any case.

        Raises NotSupported (code ``object_not_visible``: the org or the user's rights lack the object), Offline and the like when it was never
        asked for before.
        """
        stored = await self._stored(login_id, object_type)
        if refresh or stored is None or self._is_old(stored):
            stored = await self._asked(login_id, object_type, stored, refresh=refresh)
        if stored.body is None:
            raise NotSupported("the org, or the user's rights in it, lack this object", code="object_not_visible")
        return read_describe(stored.body)

    def is_visible(self, login_id: CrmLoginId, object_type: str, field_name: str = "") -> bool:
        """Whether the user may see a field (or the object, with no field named), by the last describe; True while nothing speaks against it."""
        stored = self._known.get((login_id, object_type))
        if stored is None:
            return True
        if stored.body is None:
            return False
        fields = stored.body.get("fields")
        if not field_name or not isinstance(fields, list):
            return True
        return any(isinstance(entry, dict) and entry.get("name") == field_name for entry in fields)

    async def stored(self, login_id: CrmLoginId, object_type: str) -> ObjectDescribe | None:
        """The last describe, without asking Salesforce; None where there is none or the user does not see the object."""
        stored = await self._stored(login_id, object_type)
        return None if stored is None or stored.body is None else read_describe(stored.body)

    async def has_id_list(self, login_id: CrmLoginId, object_type: str, name: str) -> bool:
        """Whether the last describe names this list of ids (``TaskWhoIds``: the org shares activities among contacts)."""
        stored = await self._stored(login_id, object_type)
        lists = None if stored is None or stored.body is None else stored.body.get("idLists")
        return isinstance(lists, list) and name in lists

    async def load(self, login_id: CrmLoginId, object_types: Sequence[str]) -> None:
        """Bring stored describes into RAM without asking Salesforce, so that `is_visible` can answer."""
        for object_type in object_types:
            await self._stored(login_id, object_type)

    async def look(self, login_id: CrmLoginId, object_type: str) -> None:
        """Ask Salesforce for a describe now, for `is_visible`; an object that is not visible is an answer too. Raises Offline and the like."""
        with contextlib.suppress(NotSupported):
            await self.describe(login_id, object_type, refresh=True)

    async def renew_old(self, login_id: CrmLoginId, object_types: Sequence[str]) -> None:
        """Ask again for those of these describes that are older than a day; what can't be had now stays as it is."""
        for object_type in object_types:
            stored = self._known.get((login_id, object_type))
            if stored is not None and self._is_old(stored):
                with contextlib.suppress(AppError):
                    await self.describe(login_id, object_type)

    async def has_enhanced_email(self, login_id: CrmLoginId) -> bool:
        """Whether mails can be logged as EmailMessage by this user; else they become Tasks. Raises as `describe` does when it was never asked for."""
        try:
            return (await self.describe(login_id, "EmailMessage")).is_createable
        except NotSupported:
            return False

    def forget(self, login_id: CrmLoginId) -> None:
        """Drop what RAM holds of a login."""
        for key in [key for key in self._known if key[0] == login_id]:
            del self._known[key]

    def _is_old(self, stored: store.StoredDescribe) -> bool:
        return not 0 <= self._clock.wall() - stored.fetched_at < FRESH_S

    async def _stored(self, login_id: CrmLoginId, object_type: str) -> store.StoredDescribe | None:
        key = (login_id, object_type)
        if key not in self._known:
            found = await self._database.read(lambda reader: store.describe(reader, login_id, object_type))
            if found is None:
                return None
            self._known.setdefault(key, found)
        return self._known[key]

    async def _asked(
        self, login_id: CrmLoginId, object_type: str, before: store.StoredDescribe | None, *, refresh: bool
    ) -> store.StoredDescribe:
        key = (login_id, object_type)
        async with self._locks.setdefault(key, asyncio.Lock()):
            now_known = self._known.get(key)
            if now_known is not None and now_known is not before:
                return now_known  # another caller has just asked
            try:
                fresh = await self._fetched(login_id, object_type, None if refresh else before)
            except TransientError:
                if before is None:
                    raise
                # Offline, say. The old one serves on, and the next try waits a little.
                fresh = dataclasses.replace(before, fetched_at=self._clock.wall() - FRESH_S + RETRY_S)
                self._known[key] = fresh
                return fresh
            await self._database.write(
                "keep describe", lambda tx: store.keep_describe(tx, login_id, object_type, fresh)
            )
            self._known[key] = fresh
            return fresh

    async def _fetched(
        self, login_id: CrmLoginId, object_type: str, before: store.StoredDescribe | None
    ) -> store.StoredDescribe:
        gateway = await self._logins.gateway(login_id)
        etag = before.etag if before is not None and before.body is not None else ""
        now = self._clock.wall()
        try:
            described, new_etag = await gateway.describe(object_type, etag=etag)
        except (RecordNotFound, NotSupported) as error:
            if error.code in ("API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "api_version", "login_gone"):
                raise
            return store.StoredDescribe("", None, now)
        if described is None:
            if before is None:
                raise PermanentError("Salesforce answered 'not modified' to a first question", code="strange_answer")
            return dataclasses.replace(before, fetched_at=now)
        return store.StoredDescribe(new_etag, trimmed(described), now)


def trimmed(described: JsonObject) -> JsonObject:
    """The parts of a describe (REST API, "sObject Describe") that `ObjectDescribe` needs. No record values are in a describe."""
    fields = described.get("fields")
    return {
        "name": _text(described.get("name")),
        "label": _text(described.get("label")),
        "createable": described.get("createable") is True,
        "idLists": list(_texts(described.get("junctionIdListNames"))),
        "fields": [_trimmed_field(entry) for entry in fields if isinstance(entry, dict)]
        if isinstance(fields, list)
        else [],
    }


def read_describe(body: JsonObject) -> ObjectDescribe:
    """An `ObjectDescribe` from a trimmed describe."""
    fields = body.get("fields")
    return ObjectDescribe(
        name=_text(body.get("name")),
        label=_text(body.get("label")),
        is_createable=body.get("createable") is True,
        fields=tuple(_field(entry) for entry in fields if isinstance(entry, dict)) if isinstance(fields, list) else (),
    )


def _trimmed_field(entry: JsonObject) -> JsonObject:
    values = entry.get("picklistValues")
    references = entry.get("referenceTo")
    is_createable = entry.get("createable") is True
    return {
        "name": _text(entry.get("name")),
        "label": _text(entry.get("label")),
        "type": _text(entry.get("type")),
        "length": entry.get("length") if isinstance(entry.get("length"), int) else 0,
        # A value that Salesforce fills in by itself (OwnerId, IsDeleted) need not be given.
        "required": is_createable and entry.get("nillable") is False and entry.get("defaultedOnCreate") is not True,
        "createable": is_createable,
        "updateable": entry.get("updateable") is True,
        "picklist": [
            _text(value.get("value"))
            for value in (values if isinstance(values, list) else [])
            if isinstance(value, dict) and value.get("active") is not False
        ],
        "referenceTo": [_text(name) for name in references] if isinstance(references, list) else [],
    }


def _field(entry: JsonObject) -> FieldDescribe:
    length = entry.get("length")
    return FieldDescribe(
        name=_text(entry.get("name")),
        label=_text(entry.get("label")),
        type=_text(entry.get("type")),
        length=length if isinstance(length, int) else 0,
        is_required=entry.get("required") is True,
        is_createable=entry.get("createable") is True,
        is_updateable=entry.get("updateable") is True,
        picklist=_texts(entry.get("picklist")),
        reference_to=_texts(entry.get("referenceTo")),
    )


def _texts(value: JsonValue) -> tuple[str, ...]:
    return tuple(_text(entry) for entry in value) if isinstance(value, list) else ()


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
