"""Salesforce Files: a version makes its document and links; documents and links follow.

Source: ContentVersion, ContentDocument and ContentDocumentLink in the Object Reference; "Insert or Update Blob Data" of
the REST API guide.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import PurePosixPath
from typing import Any

from app.demo.salesforce.errors import refuse, required_missing
from app.demo.salesforce.records import BLOB_COLUMN, moment
from app.demo.salesforce.writing.change import CONTENT, Behaviour, Change, Writing

MAX_BASE64 = 37_500_000
_FILE_TYPES = {
    "pdf": "PDF", "png": "PNG", "jpg": "JPG", "jpeg": "JPG", "gif": "GIF", "txt": "TEXT", "csv": "CSV", "zip": "ZIP",
    "doc": "WORD", "docx": "WORD_X", "xls": "EXCEL", "xlsx": "EXCEL_X", "ppt": "POWER_POINT", "pptx": "POWER_POINT_X",
    "html": "HTML", "htm": "HTML", "xml": "XML", "eml": "UNKNOWN", "mp4": "MP4", "mp3": "MP3", "svg": "SVG",
    "ics": "UNKNOWN", "rtf": "RTF",
}  # fmt: skip
_LINK_TYPE = "LINK"


def refuse_content(text: str, field_name: str) -> Exception:
    """400 for a version whose parts do not fit together."""
    return refuse("FIELD_INTEGRITY_EXCEPTION", text, [field_name])


class ContentVersionBehaviour(Behaviour):
    """The content with its size and MD5; the first version makes the document, a later one becomes the latest."""

    def before_write(self, writing: Writing, change: Change) -> None:
        """Take the content in and derive title, type, size and document."""
        if not change.creating:
            return
        values = change.values
        if CONTENT in values:
            self._take_base64(writing, change)
        if values.get("ContentUrl"):
            if change.content is not None or values.get("PathOnClient"):
                raise refuse_content(
                    "a version has either a ContentUrl or a file with PathOnClient, not both", "ContentUrl"
                )
            values |= {
                "ContentSize": 0,
                "FileType": _LINK_TYPE,
                "ContentLocation": values.get("ContentLocation") or "S",
            }
        else:
            self._describe_file(change)
        path = PurePosixPath(str(values.get("PathOnClient") or values.get("ContentUrl") or "").replace("\\", "/"))
        if not values.get("Title"):
            values["Title"] = path.stem[:255] or "Untitled"
        self._join_document(writing, change)

    def after_write(self, writing: Writing, change: Change) -> None:
        """Make the links of a new document, and let the document show its latest version."""
        if change.creating:
            self._show_in_document(writing, change)
            self._link(writing, change)
        elif change.now("IsLatest") and change.values.keys() & {"Title", "Description"}:
            shown: dict[str, Any] = {name: change.now(name) for name in ("Title", "Description")}
            writing.org.tables.update("ContentDocument", str(change.now("ContentDocumentId")), shown)

    def _take_base64(self, writing: Writing, change: Change) -> None:
        text = change.values.pop(CONTENT)
        if not isinstance(text, str):
            raise refuse("JSON_PARSER_ERROR", "Value not of required type: VersionData must be base64 text")
        if len(text) > MAX_BASE64 * 4 // 3 + 4:
            raise refuse("REQUEST_ENTITY_TOO_LARGE", "VersionData above 37.5 MB needs a multipart request", status=413)
        try:
            data = base64.b64decode(re.sub(r"\s", "", text), validate=True)
        except (binascii.Error, ValueError) as exc:
            raise refuse("INVALID_BASE64", "VersionData is not base64", ["VersionData"]) from exc
        stored = writing.org.files.put(data)
        writing.org.database.on_rollback(lambda: writing.org.files.remove(stored.name))
        change.content = stored

    def _describe_file(self, change: Change) -> None:
        values = change.values
        missing = [] if change.content is not None else ["VersionData"]
        if not values.get("PathOnClient"):
            missing.append("PathOnClient")
        if missing or change.content is None:
            raise required_missing(missing)
        suffix = PurePosixPath(str(values["PathOnClient"]).replace("\\", "/")).suffix.removeprefix(".").lower()
        values |= {
            "ContentSize": change.content.size,
            "Checksum": change.content.md5,
            "FileExtension": suffix[:40] or None,
            "FileType": _FILE_TYPES.get(suffix, "UNKNOWN"),
            "ContentLocation": "S",
            BLOB_COLUMN: change.content.name,
        }

    def _join_document(self, writing: Writing, change: Change) -> None:
        values = change.values
        document_id = values.get("ContentDocumentId")
        now = moment(writing.org.now())
        values |= {"IsLatest": 1, "PublishStatus": "R", "ContentModifiedDate": values.get("CreatedDate") or now,
                   "ContentModifiedById": writing.actor.user_id}  # fmt: skip
        if document_id:
            if values.get("FirstPublishLocationId"):
                raise refuse_content("FirstPublishLocationId is for the first version of a document only",
                                     "FirstPublishLocationId")  # fmt: skip
            writing.referenced(str(document_id), ("ContentDocument",), "ContentDocumentId", "ContentDocument ID")
            earlier = writing.org.tables.find("ContentVersion", ContentDocumentId=document_id)
            for row in earlier:
                writing.org.tables.update("ContentVersion", str(row["Id"]), {"IsLatest": 0})
            values["VersionNumber"] = str(len(earlier) + 1)
            return
        values["VersionNumber"] = "1"
        if not values.get("FirstPublishLocationId"):
            values["FirstPublishLocationId"] = values["OwnerId"]
        document = {"Title": values["Title"], "OwnerId": values["OwnerId"], "CreatedDate": values.get("CreatedDate")}
        values["ContentDocumentId"] = writing.as_system().create("ContentDocument", document)

    def _show_in_document(self, writing: Writing, change: Change) -> None:
        names = ("Title", "Description", "PublishStatus", "ContentSize", "FileType", "FileExtension",
                 "ContentModifiedDate", "SharingOption", "SharingPrivacy")  # fmt: skip
        shown: dict[str, Any] = {name: change.values.get(name) for name in names}
        shown["LatestPublishedVersionId"] = change.record_id
        writing.org.tables.update("ContentDocument", str(change.values["ContentDocumentId"]), shown)

    def _link(self, writing: Writing, change: Change) -> None:
        if change.values["VersionNumber"] != "1":
            return
        document_id, owner = change.values["ContentDocumentId"], change.values["OwnerId"]
        place = change.values["FirstPublishLocationId"]
        links = [(owner, "I")] if place == owner else [(owner, "I"), (place, "V")]
        for entity, share in links:
            link = {"ContentDocumentId": document_id, "LinkedEntityId": entity, "ShareType": share,
                    "Visibility": "AllUsers"}  # fmt: skip
            writing.as_system().create("ContentDocumentLink", link)


class ContentDocumentBehaviour(Behaviour):
    """The document over all versions: its title is the latest version's."""

    def after_write(self, writing: Writing, change: Change) -> None:
        """Hand a new title or description to the latest version."""
        version_id = change.now("LatestPublishedVersionId")
        handed: dict[str, Any] = {
            name: change.values[name] for name in ("Title", "Description") if name in change.values
        }
        if version_id and handed:
            writing.org.tables.update("ContentVersion", str(version_id), handed)


class ContentDocumentLinkBehaviour(Behaviour):
    """A document is linked to a record once."""

    def before_write(self, writing: Writing, change: Change) -> None:
        """Refuse a second link; a link made without them is for viewers and everybody."""
        values = change.values
        if not change.creating:
            return
        pair = {name: values.get(name) for name in ("ContentDocumentId", "LinkedEntityId")}
        if all(pair.values()) and writing.org.tables.find("ContentDocumentLink", **pair):
            # unverified: the text of a real org
            text = "duplicate value found: <unknown> duplicates value on record with id: <unknown>"
            raise refuse("DUPLICATE_VALUE", text, [])
        values["ShareType"] = values.get("ShareType") or "V"
        values["Visibility"] = values.get("Visibility") or "AllUsers"
        if values["ShareType"] == "I" and not writing.actor.is_system and _is_person(str(pair["LinkedEntityId"])):
            raise refuse_content("Share Type: I is for records, not for users", "ShareType")


def _is_person(record_id: str) -> bool:
    return record_id.startswith("005")
