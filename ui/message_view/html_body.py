"""HTML mail in QtWebEngine, with every door shut.

Imported when the first HTML mail is shown, after the list is painted. Five walls, each enough alone: the cleaner of `app.mail.sanitize`;
JavaScript and all other attributes off; our own scheme whose answers carry a Content-Security-Policy; an interceptor that lets only that scheme
pass; and a resolver rule that leaves the whole web process without names or addresses. Navigation is refused: a link becomes a signal.
"""

from __future__ import annotations

import os
import secrets
from typing import Any
from urllib.parse import unquote

import shiboken6
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QAction, QColor, QGuiApplication, QResizeEvent
from PySide6.QtWebEngineCore import (
    QWebEngineDownloadRequest,
    QWebEnginePage,
    QWebEnginePermission,
    QWebEngineProfile,
    QWebEngineSettings,
    QWebEngineUrlRequestInfo,
    QWebEngineUrlRequestInterceptor,
    QWebEngineUrlRequestJob,
    QWebEngineUrlScheme,
    QWebEngineUrlSchemeHandler,
)
from PySide6.QtWebEngineWidgets import QWebEngineView
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from ui.message_view.page import CONTENT_SECURITY_POLICY, SCHEME, SCROLL_BAR_WIDTH, image_page, message_page
from ui.theme import TextSize, font, px, tones

NO_NETWORK = '--host-resolver-rules="MAP * ~NOTFOUND"'
"""Chromium's rule that no name and no literal address resolves. It holds for the whole process, so nothing else may use the engine."""

LEAST_ZOOM = 0.25
"""The engine zooms no further out."""
RESIZED_AFTER_MS = 150
_OFF = (
    "JavascriptEnabled",
    "JavascriptCanOpenWindows",
    "JavascriptCanAccessClipboard",
    "JavascriptCanPaste",
    "LinksIncludedInFocusChain",
    "LocalStorageEnabled",
    "LocalContentCanAccessRemoteUrls",
    "LocalContentCanAccessFileUrls",
    "SpatialNavigationEnabled",
    "HyperlinkAuditingEnabled",
    "ScrollAnimatorEnabled",
    "ErrorPageEnabled",
    "PluginsEnabled",
    "FullScreenSupportEnabled",
    "ScreenCaptureEnabled",
    "WebGLEnabled",
    "Accelerated2dCanvasEnabled",
    "AutoLoadIconsForPage",
    "TouchIconsEnabled",
    "FocusOnNavigationEnabled",
    "AllowRunningInsecureContent",
    "AllowWindowActivationFromJavaScript",
    "DnsPrefetchEnabled",
    "PdfViewerEnabled",
    "NavigateOnDropEnabled",
    "ReadingFromCanvasEnabled",
    "BackForwardCacheEnabled",
)

# Qt's stubs name one value for a header; the binding takes a list and ignores anything else.
_RESPONSE_HEADERS: Any = {
    b"Content-Security-Policy": [CONTENT_SECURITY_POLICY.encode()],
    b"Referrer-Policy": [b"no-referrer"],
    b"X-Content-Type-Options": [b"nosniff"],
    b"X-DNS-Prefetch-Control": [b"off"],
}


def prepare_engine() -> None:
    """Take the network from the web process and make our scheme known. Before the first profile; doing it again changes nothing."""
    flags = os.environ.get("QTWEBENGINE_CHROMIUM_FLAGS", "")
    if NO_NETWORK not in flags:
        os.environ["QTWEBENGINE_CHROMIUM_FLAGS"] = f"{flags} {NO_NETWORK}".strip()
    if not QWebEngineUrlScheme.schemeByName(SCHEME.encode()).name().isEmpty():
        return
    scheme = QWebEngineUrlScheme(SCHEME.encode())
    scheme.setSyntax(QWebEngineUrlScheme.Syntax.Host)
    QWebEngineUrlScheme.registerScheme(scheme)


class HtmlBody(QWidget):
    """Shows cleaned HTML or one image.

    ``link_hovered(url)`` ("" when it ends), ``link_activated(url)``; ``resource_wanted(request, kind, name)`` asks for an image (kind ``cid`` or
    ``part``), to be answered by `answer`. ``key_pressed`` passes no key: keys that the page does not use go on to the window.
    """

    link_hovered = Signal(str)
    link_activated = Signal(str)
    resource_wanted = Signal(str, str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare_engine()
        self._fit_timer = QTimer(self)
        self._fit_timer.setSingleShot(True)
        self._fit_timer.setInterval(0)
        self._fit_timer.timeout.connect(self._fit)
        self._resize_timer = QTimer(self)
        self._resize_timer.setSingleShot(True)
        self._resize_timer.setInterval(RESIZED_AFTER_MS)
        self._resize_timer.timeout.connect(self._fit_anew)
        self._profile = QWebEngineProfile(self)
        self._profile.setHttpCacheType(QWebEngineProfile.HttpCacheType.NoCache)
        self._profile.setPersistentCookiesPolicy(QWebEngineProfile.PersistentCookiesPolicy.NoPersistentCookies)
        self._profile.setSpellCheckEnabled(False)
        self._profile.downloadRequested.connect(_refuse_download)
        self._interceptor = _Interceptor(self)
        self._profile.setUrlRequestInterceptor(self._interceptor)
        self._handler = _SchemeHandler(self)
        self._handler.resource_wanted.connect(self.resource_wanted)
        self._profile.installUrlSchemeHandler(SCHEME.encode(), self._handler)
        self._page = _Page(self._profile, self)
        self._page.link_activated.connect(self.link_activated)
        self._page.linkHovered.connect(self.link_hovered)
        self._page.contentsSizeChanged.connect(lambda _size: self._fit_timer.start())
        self._view = QWebEngineView(self)
        self._view.setPage(self._page)
        self._view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._view.customContextMenuRequested.connect(self._on_menu_requested)
        self._view.setAcceptDrops(False)
        self._view.setAccessibleName("Message text")
        self.setFocusProxy(self._view)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._view)
        self._fragment = ""
        self._on_card = False

    @property
    def page(self) -> QWebEnginePage:
        """The page, for tests that look at what was loaded."""
        return self._page

    @property
    def blocked(self) -> list[str]:
        """Addresses that the interceptor refused since the last document."""
        return self._interceptor.blocked

    def show_html(self, fragment: str, *, on_card: bool) -> None:
        """Show a cleaned fragment. ``on_card``: it chose its own colours."""
        self._fragment, self._on_card = fragment, on_card
        host = self._new_host()
        family = font().family()
        self._load(
            host,
            message_page(fragment, host, tones(self), font_family=family, font_px=px(TextSize.BASE), on_card=on_card),
        )

    def show_image(self, part_id: str, name: str) -> None:
        """Show an image attachment; its bytes are asked for by ``resource_wanted``."""
        host = self._new_host()
        self._load(host, image_page(host, part_id, name, tones(self)))

    def show_again(self) -> None:
        """Draw the last fragment in the colours of the moment."""
        self.show_html(self._fragment, on_card=self._on_card)

    def answer(self, request: str, content_type: str, data: bytes) -> None:
        """Give an image that was asked for; empty data refuses it."""
        self._handler.answer(request, content_type, data)

    def shut_down(self) -> None:
        """Free the page before its profile, as the engine demands."""
        self._fit_timer.stop()
        self._resize_timer.stop()
        shiboken6.delete(self._page)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In another width the mail may fit as it is."""
        super().resizeEvent(event)
        self._resize_timer.start()

    def _new_host(self) -> str:
        return secrets.token_hex(8)

    def _load(self, host: str, document: bytes) -> None:
        self._interceptor.blocked.clear()
        self._handler.serve(host, document)
        self._page.setBackgroundColor(QColor(tones(self).surface))
        self._page.setZoomFactor(1.0)
        self._page.expected = QUrl(f"{SCHEME}://{host}/")
        self._page.load(self._page.expected)

    def _fit(self) -> None:
        # A mail of fixed width is made smaller rather than scrolled sideways. The engine counts in pixels after zooming.
        width = self._page.contentsSize().width()
        room = self._view.width() - SCROLL_BAR_WIDTH
        if room > 0 and width > room + 1:
            self._page.setZoomFactor(max(LEAST_ZOOM, self._page.zoomFactor() * (room - 1) / width))

    def _fit_anew(self) -> None:
        if self._page.zoomFactor() < 1.0:
            self._page.setZoomFactor(1.0)
        self._fit_timer.start()

    def _on_menu_requested(self, position: QPoint) -> None:
        menu = QMenu(self)
        copy = self._page.action(QWebEnginePage.WebAction.Copy)
        select_all = self._page.action(QWebEnginePage.WebAction.SelectAll)
        request = self._view.lastContextMenuRequest()
        link = request.linkUrl().toString()
        if link:
            copy_link = QAction("Copy address of the link", menu)
            copy_link.triggered.connect(lambda: QGuiApplication.clipboard().setText(link))
            menu.addAction(copy_link)
        menu.addAction(copy)
        menu.addAction(select_all)
        menu.popup(self._view.mapToGlobal(position))
        menu.aboutToHide.connect(menu.deleteLater)


class _Page(QWebEnginePage):
    link_activated = Signal(str)

    def __init__(self, profile: QWebEngineProfile, parent: QObject) -> None:
        super().__init__(profile, parent)
        self.expected = QUrl()
        settings = self.settings()
        for name in _OFF:
            attribute = getattr(QWebEngineSettings.WebAttribute, name, None)
            if attribute is not None:
                settings.setAttribute(attribute, False)
        settings.setUnknownUrlSchemePolicy(QWebEngineSettings.UnknownUrlSchemePolicy.DisallowUnknownUrlSchemes)
        settings.setFontSize(QWebEngineSettings.FontSize.DefaultFontSize, px(TextSize.BASE))
        self.permissionRequested.connect(_refuse_permission)
        self.setAudioMuted(True)

    def acceptNavigationRequest(
        self, url: QUrl | str, navigation: QWebEnginePage.NavigationType, is_main_frame: bool
    ) -> bool:
        """Only the document we asked for. A clicked link becomes a signal, anything else nothing."""
        target = QUrl(url)
        if navigation is QWebEnginePage.NavigationType.NavigationTypeLinkClicked:
            self.link_activated.emit(target.toString())
            return False
        return is_main_frame and target == self.expected

    def createWindow(self, _kind: QWebEnginePage.WebWindowType) -> QWebEnginePage:
        """No second window."""
        return None  # type: ignore[return-value]  # Qt takes null for "none"

    def javaScriptConsoleMessage(
        self, _level: QWebEnginePage.JavaScriptConsoleMessageLevel, _message: str, _line: int, _source: str
    ) -> None:
        """A mail's remarks are not for our log: they may quote it."""


class _Interceptor(QWebEngineUrlRequestInterceptor):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.blocked: list[str] = []

    def interceptRequest(self, info: QWebEngineUrlRequestInfo) -> None:
        """Only our scheme, and images that the document carries in itself."""
        scheme = info.requestUrl().scheme()
        is_image = info.resourceType() is QWebEngineUrlRequestInfo.ResourceType.ResourceTypeImage
        if scheme == SCHEME or (scheme == "data" and is_image):
            return
        self.blocked.append(info.requestUrl().toString())
        info.block(True)


class _SchemeHandler(QWebEngineUrlSchemeHandler):
    """Serves the one document of the moment and its images; any other host gets nothing."""

    resource_wanted = Signal(str, str, str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._host = ""
        self._document = b""
        self._waiting: dict[str, QWebEngineUrlRequestJob] = {}
        self._number = 0

    def serve(self, host: str, document: bytes) -> None:
        self._host, self._document = host, document
        self._waiting.clear()

    def requestStarted(self, job: QWebEngineUrlRequestJob) -> None:
        """Called by the engine for each request of our scheme."""
        url = job.requestUrl()
        kind, _, name = url.path(QUrl.ComponentFormattingOption.FullyEncoded).lstrip("/").partition("/")
        if url.host() != self._host or job.requestMethod() != b"GET":
            job.fail(QWebEngineUrlRequestJob.Error.RequestDenied)
        elif not kind:
            self._reply(job, "text/html;charset=utf-8", self._document)
        elif kind in ("cid", "part") and name:
            self._number += 1
            request = f"{self._host}-{self._number}"
            self._waiting[request] = job
            job.destroyed.connect(lambda: self._waiting.pop(request, None))
            self.resource_wanted.emit(request, kind, unquote(name))
        else:
            job.fail(QWebEngineUrlRequestJob.Error.UrlNotFound)

    def answer(self, request: str, content_type: str, data: bytes) -> None:
        job = self._waiting.pop(request, None)
        if job is None:
            return
        if data:
            self._reply(job, content_type, data)
        else:
            job.fail(QWebEngineUrlRequestJob.Error.UrlNotFound)

    def _reply(self, job: QWebEngineUrlRequestJob, content_type: str, data: bytes) -> None:
        buffer = QBuffer(job)
        buffer.setData(QByteArray(data))
        buffer.open(QIODevice.OpenModeFlag.ReadOnly)
        job.setAdditionalResponseHeaders(_RESPONSE_HEADERS)
        job.reply(content_type.encode(), buffer)


def _refuse_download(request: QWebEngineDownloadRequest) -> None:
    request.cancel()


def _refuse_permission(permission: QWebEnginePermission) -> None:
    permission.deny()
