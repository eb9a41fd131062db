"""The reader: head, strips, text or HTML, attachments. It speaks by signals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QStandardPaths, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from app.model.ids import MessageId
from ui.icons import Icon
from ui.message_view.attachments import AttachmentBar
from ui.message_view.header import MessageHeader
from ui.message_view.links import LinkTarget, link_target, text_of_link
from ui.message_view.looks import IMAGE_TYPES, Attachment, MessageLook
from ui.message_view.model import FileUse
from ui.message_view.plain_body import PlainBody
from ui.text import Words, count
from ui.theme import Space, set_role
from ui.widgets.bars import Choice, Strip
from ui.widgets.labels import ElidedLabel
from ui.widgets.states import EmptyState, Skeleton

if TYPE_CHECKING:
    from ui.message_view.html_body import HtmlBody

SKELETON_AFTER_MS = 120
"""A message that is there sooner shows no grey bars: they would only flicker."""


class MessageView(QFrame):
    """The pane.

    ``resource_wanted(request, kind, name)``: an image that the HTML shows. ``file_wanted(part_id, FileUse, directory | None)``: an attachment as
    a file. ``text_preview_wanted(part_id)``, ``retry_requested()``, ``mail_link_activated(url)`` for ``mailto:``. ``saved(path)``: a file was saved.
    """

    resource_wanted = Signal(str, str, str)
    file_wanted = Signal(str, FileUse, object)
    text_preview_wanted = Signal(str)
    retry_requested = Signal()
    mail_link_activated = Signal(str)
    saved = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_role(self, "surface")
        self.setMinimumWidth(320)
        self.setAccessibleName("Message")
        self._look: MessageLook | None = None
        self._prefers_text = False
        self._hovered = ""
        self._html: HtmlBody | None = None
        self.header = MessageHeader()
        self.plain = PlainBody()
        self.preview_text = PlainBody()
        self.empty = EmptyState()
        self.attachments = AttachmentBar()
        self.notice = Strip(can_close=True)
        self.images = Strip(can_close=True)
        self.question = Strip(can_close=True)
        self._skeleton = Skeleton()
        self._bodies = QStackedWidget()
        self._bodies.addWidget(self.plain)
        self._bodies.addWidget(self._skeleton)
        self._preview_bar = _PreviewBar()
        self._preview_bar.closed.connect(self.close_preview)
        self._preview = QWidget()
        preview_column = QVBoxLayout(self._preview)
        preview_column.setContentsMargins(0, 0, 0, 0)
        preview_column.setSpacing(0)
        preview_column.addWidget(self._preview_bar)
        preview_column.addWidget(self.preview_text, 1)
        self._bodies.addWidget(self._preview)
        self._link_line = ElidedLabel(role="small", mode=Qt.TextElideMode.ElideRight)
        self._link_line.setContentsMargins(Space.XL, 0, Space.L, 0)
        self._link_line.setAccessibleName("Target of the link")
        strips = QVBoxLayout()
        strips.setContentsMargins(Space.L, 0, Space.L, 0)
        strips.setSpacing(Space.XS)
        for strip in (self.notice, self.images, self.question):
            strips.addWidget(strip)
        message = QWidget()
        column = QVBoxLayout(message)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        column.addLayout(strips)
        column.addSpacing(Space.S)
        column.addWidget(self._bodies, 1)
        column.addWidget(self._link_line)
        column.addWidget(self.attachments)
        self._message = message
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(message)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._stack)
        self._skeleton_timer = QTimer(self)
        self._skeleton_timer.setSingleShot(True)
        self._skeleton_timer.setInterval(SKELETON_AFTER_MS)
        self._skeleton_timer.timeout.connect(self._show_skeleton)
        self._connect_parts()
        self.clear(0)

    @property
    def look(self) -> MessageLook | None:
        """What is shown."""
        return self._look

    @property
    def html_body(self) -> HtmlBody | None:
        """The HTML part of the pane, None before the first HTML mail."""
        return self._html

    def set_actions(self, shown: list[QAction], more: list[QAction]) -> None:
        """The action row, made of the window's actions."""
        self.header.set_actions(shown, more)

    def clear(self, number: int) -> None:
        """Show that no message or several are selected."""
        self._skeleton_timer.stop()
        self._look = None
        self.attachments.hide()
        if number > 1:
            self.empty.say(
                Icon.ALL_MAIL, f"{count(number)} messages selected", "Archive, delete or flag them together."
            )
        else:
            self.empty.say(Icon.MAIL_OPEN, "No message selected", "Choose one from the list, or go down with j.")
        self._stack.setCurrentWidget(self.empty)

    def show_loading(self, _message_id: MessageId) -> None:
        """Another message is on its way; what is shown stays for a moment."""
        self._skeleton_timer.start()

    def show_message(self, look: MessageLook) -> None:
        """Show a message, or the same one again after its flags changed."""
        self._skeleton_timer.stop()
        is_same = self._look is not None and self._look.content is look.content
        self._look = look
        self.header.show_message(look)
        self.header.show()
        if is_same and self._stack.currentWidget() is self._message:
            return
        self._stack.setCurrentWidget(self._message)
        self.question.hide()
        self._link_line.set_text("")
        self._say_strips(look)
        self.attachments.show_attachments(look.message_id, look.attachments)
        self._prefers_text = False
        self._show_body()

    def show_problem(self, words: Words, is_offline: bool) -> None:
        """The message cannot be shown now."""
        self._skeleton_timer.stop()
        self._look = None
        detail = " ".join(part for part in (words.meaning, words.remedy) if part)
        choices = () if is_offline else (Choice("Try again", self.retry_requested.emit, "primary"),)
        self.empty.say(Icon.OFFLINE if is_offline else Icon.WARNING, words.title, detail, choices)
        self._stack.setCurrentWidget(self.empty)

    def show_as_text(self, on: bool) -> None:
        """Show the plain text of a message that has HTML, or its HTML again."""
        self._prefers_text = on
        self._show_body()

    def show_text_preview(self, title: str, text: str) -> None:
        """Show an attachment of text, or the source."""
        self._preview_bar.set_title(title)
        self.preview_text.show_text(text)
        self._bodies.setCurrentWidget(self._preview)
        self.preview_text.setFocus(Qt.FocusReason.OtherFocusReason)

    def close_preview(self) -> None:
        """Back from a preview to the message."""
        if self._look is not None:
            self._show_body()

    @property
    def is_previewing(self) -> bool:
        """Whether an attachment or the source is shown in place of the message."""
        return self._bodies.currentWidget() is self._preview or self._preview_bar.is_over_html

    def give_resource(self, request: str, media_type: str, data: bytes) -> None:
        """An image that was asked for."""
        if self._html is not None:
            self._html.answer(request, media_type, data)

    def take_file(self, part_id: str, path: object, use: FileUse) -> None:
        """An attachment was made a file."""
        if not isinstance(path, Path):
            return
        if use is FileUse.DRAG:
            self.attachments.file_ready(part_id, path)
        elif use is FileUse.OPEN:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
        else:
            self.saved.emit(path)

    def save_all(self) -> None:
        """Save every attachment to the downloads folder."""
        if self._look is not None:
            for attachment in self._look.attachments:
                self.file_wanted.emit(attachment.part.part_id, FileUse.SAVE, _downloads())

    def shut_down(self) -> None:
        """Free the HTML engine."""
        self._skeleton_timer.stop()
        if self._html is not None:
            self._html.shut_down()

    def focus_target(self) -> QWidget | None:
        """What takes the keyboard in this pane."""
        return self._bodies.currentWidget() if self._stack.currentWidget() is self._message else self.empty

    def focus_body(self) -> None:
        """Give the keyboard to the text."""
        target = self.focus_target()
        if target is not None:
            target.setFocus(Qt.FocusReason.OtherFocusReason)

    def changeEvent(self, event: QEvent) -> None:
        """HTML follows light and dark."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and self._html is not None and self._look is not None:
            self._html.show_again()

    def _connect_parts(self) -> None:
        self.plain.link_hovered.connect(self._on_link_hovered)
        self.plain.link_activated.connect(self._on_link_activated)
        self.attachments.preview_requested.connect(self._on_preview_requested)
        self.attachments.open_requested.connect(self._on_open_requested)
        self.attachments.save_requested.connect(
            lambda part_id: self.file_wanted.emit(part_id, FileUse.SAVE, _downloads())
        )
        self.attachments.save_to_requested.connect(self._on_save_to_requested)
        self.attachments.save_all_requested.connect(self.save_all)
        self.attachments.file_wanted.connect(lambda part_id: self.file_wanted.emit(part_id, FileUse.DRAG, None))

    def _say_strips(self, look: MessageLook) -> None:
        content = look.content
        self.notice.hide()
        if content.problem:
            self.notice.say(content.problem, symbol=Icon.WARNING, tone="warning")
        self.images.hide()
        if content.remote_images:
            number = content.remote_images
            what = "1 remote image was" if number == 1 else f"{count(number)} remote images were"
            self.images.say(
                f"{what} not loaded, so the sender does not learn that you read this.", symbol=Icon.IMAGES_OFF
            )

    def _show_body(self) -> None:
        look = self._look
        if look is None:
            return
        self._preview_bar.is_over_html = False
        if look.content.html and not self._prefers_text:
            body = self._html_body()
            self._bodies.setCurrentWidget(body)
            body.show_html(look.content.html, on_card=look.content.sets_colours)
        else:
            self.plain.show_text(look.content.text)
            self._bodies.setCurrentWidget(self.plain)

    def _html_body(self) -> HtmlBody:
        if self._html is None:
            # The engine costs a process and a tenth of a second: nobody pays before the first HTML mail.
            from ui.message_view.html_body import HtmlBody

            self._html = HtmlBody(self)
            self._html.link_hovered.connect(self._on_link_hovered)
            self._html.link_activated.connect(self._on_link_activated)
            self._html.resource_wanted.connect(self.resource_wanted)
            self._bodies.addWidget(self._html)
        return self._html

    def _show_skeleton(self) -> None:
        self._look = None
        self.header.hide()
        for strip in (self.notice, self.images, self.question):
            strip.hide()
        self.attachments.hide()
        self._bodies.setCurrentWidget(self._skeleton)
        self._stack.setCurrentWidget(self._message)

    # Links: the host is always seen before the browser opens.

    def _on_link_hovered(self, url: str) -> None:
        self._hovered = url
        self._link_line.set_text(link_target(url).words if url else "")

    def _on_link_activated(self, url: str) -> None:
        shown = text_of_link(self._look.content.html, url) if self._look is not None else ""
        target = link_target(url, shown)
        if url.lower().startswith("mailto:"):
            self.mail_link_activated.emit(url)
        elif url == self._hovered and not target.warning:
            self._open_link(target)
        else:
            self._ask_link(target)

    def _ask_link(self, target: LinkTarget) -> None:
        where = target.host or target.url
        text = f"Open {where} in your browser?" + (f" {target.warning}" if target.warning else "")
        self.question.say(
            text,
            symbol=Icon.WARNING if target.warning else Icon.LINK,
            tone="warning" if target.warning else "",
            choices=(
                Choice("Open", lambda: self._open_link(target)),
                Choice("Copy address", lambda: self._copy_link(target)),
            ),
        )

    def _open_link(self, target: LinkTarget) -> None:
        self.question.hide()
        QDesktopServices.openUrl(QUrl(target.url))

    def _copy_link(self, target: LinkTarget) -> None:
        self.question.hide()
        QGuiApplication.clipboard().setText(target.url)

    # Attachments

    def _attachment(self, part_id: str) -> Attachment | None:
        if self._look is None:
            return None
        return next((a for a in self._look.attachments if a.part.part_id == part_id), None)

    def _on_preview_requested(self, part_id: str) -> None:
        attachment = self._attachment(part_id)
        if attachment is None:
            return
        if attachment.part.content_type.lower() in IMAGE_TYPES:
            body = self._html_body()
            self._preview_bar.is_over_html = True
            body.show_image(part_id, attachment.part.filename)
            self._bodies.setCurrentWidget(body)
            self.question.say(
                attachment.part.filename,
                symbol=Icon.FILE_IMAGE,
                choices=(Choice("Back to the message", self._leave_image),),
            )
        else:
            self.text_preview_wanted.emit(part_id)

    def _leave_image(self) -> None:
        self.question.hide()
        self.close_preview()

    def _on_open_requested(self, part_id: str) -> None:
        attachment = self._attachment(part_id)
        if attachment is None:
            return
        if not attachment.is_program:
            self.file_wanted.emit(part_id, FileUse.OPEN, None)
            return
        self.question.say(
            f"{attachment.part.filename} can run as a program and change this computer. Open it only if you expected it.",
            symbol=Icon.WARNING,
            tone="warning",
            choices=(
                Choice("Save it instead", lambda: self._answer_program(part_id, FileUse.SAVE)),
                Choice("Open anyway", lambda: self._answer_program(part_id, FileUse.OPEN), "danger"),
            ),
        )

    def _answer_program(self, part_id: str, use: FileUse) -> None:
        self.question.hide()
        self.file_wanted.emit(part_id, use, _downloads() if use is FileUse.SAVE else None)

    def _on_save_to_requested(self, part_id: str) -> None:
        dialog = QFileDialog(self, "Save to folder", str(_downloads()))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly, True)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(
            lambda folder: self.file_wanted.emit(part_id, FileUse.SAVE, Path(folder)) if folder else None
        )
        dialog.open()


class _PreviewBar(QWidget):
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.is_over_html = False
        self._title = ElidedLabel(role="strong")
        back = QPushButton("Back to the message")
        set_role(back, "quiet")
        back.clicked.connect(self.closed)
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.XL, Space.XS, Space.L, Space.XS)
        row.addWidget(self._title, 1)
        row.addWidget(back)

    def set_title(self, title: str) -> None:
        self._title.set_text(title)


def _downloads() -> Path:
    return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DownloadLocation))
