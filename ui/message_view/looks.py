"""What the reader shows of one message, apart from how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from app.model.ids import MessageId
from app.model.mail import MessageContent, MessageRow, Part
from ui.icons import Icon

IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})
TEXT_TYPES = frozenset(
    {"text/plain", "text/csv", "text/markdown", "text/calendar", "application/json", "text/x-log", "text/x-patch"}
)
_BY_SUFFIX = {
    "pdf": Icon.FILE_PDF,
    **dict.fromkeys(("xls", "xlsx", "ods", "csv", "numbers"), Icon.FILE_SHEET),
    **dict.fromkeys(("ppt", "pptx", "odp", "key"), Icon.FILE_SLIDES),
    **dict.fromkeys(("doc", "docx", "odt", "rtf", "txt", "md", "pages"), Icon.FILE_TEXT),
    **dict.fromkeys(("zip", "gz", "tgz", "7z", "rar", "tar", "xz", "bz2"), Icon.FILE_ARCHIVE),
    **dict.fromkeys(("png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "heic", "svg"), Icon.FILE_IMAGE),
    "ics": Icon.CALENDAR,
    "eml": Icon.MAIL,
    "vcf": Icon.CONTACT,
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """An attachment as its chip shows it."""

    part: Part
    is_program: bool

    @property
    def symbol(self) -> Icon:
        """A picture by the kind of file."""
        if self.is_program:
            return Icon.FILE_PROGRAM
        suffix = self.part.filename.rpartition(".")[2].lower()
        if suffix in _BY_SUFFIX:
            return _BY_SUFFIX[suffix]
        return Icon.MAIL if self.part.content_type == "message/rfc822" else Icon.FILE

    @property
    def can_preview(self) -> bool:
        """Whether it can be shown here without another program."""
        return not self.is_program and self.part.content_type.lower() in IMAGE_TYPES | TEXT_TYPES


@dataclass(frozen=True, slots=True)
class MessageLook:
    """A message ready to be shown. ``own`` are the user's addresses in lower case; ``row`` is None when it left the list meanwhile."""

    content: MessageContent
    row: MessageRow | None
    attachments: tuple[Attachment, ...]
    own: frozenset[str]

    @property
    def message_id(self) -> MessageId:
        """Which message it is."""
        return self.content.message_id
