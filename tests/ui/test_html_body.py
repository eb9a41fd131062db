"""The walls around HTML mail: nothing reaches the network, nothing runs, nothing navigates."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWebEngineCore import QWebEnginePage, QWebEngineSettings

from app.mail.sanitize import clean_html
from tests.ui.hostile import VECTORS, listening
from tests.ui.sample_mail import NEWSLETTER, PLAIN_HTML, png
from tests.ui.waiting import until
from ui.message_view.html_body import NO_NETWORK, HtmlBody
from ui.theme import DARK, LIGHT, Appearance


@contextmanager
def open_body(width: int = 600, height: int = 500) -> Iterator[HtmlBody]:
    """The HTML pane alone."""
    body = HtmlBody()
    body.resize(width, height)
    body.show()
    try:
        yield body
    finally:
        body.shut_down()
        body.close()
        body.deleteLater()


async def load(body: HtmlBody, fragment: str, *, on_card: bool = False) -> None:
    """Show a fragment and wait until the engine has it."""
    loaded: list[bool] = []
    connection = body.page.loadFinished.connect(loaded.append)
    body.show_html(fragment, on_card=on_card)
    await until(lambda: loaded, "the document to load")
    body.page.loadFinished.disconnect(connection)
    assert loaded == [True]


async def text_of(body: HtmlBody) -> str:
    """The text that the engine shows."""
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    body.page.toPlainText(found.set_result)
    return await found


async def settle(body: HtmlBody) -> None:
    """Until the engine has painted."""
    await asyncio.sleep(0.4)
    body.grab()


async def test_hostile_html_that_no_cleaner_saw_reaches_nothing() -> None:
    async with listening() as listener:
        assert len(VECTORS) == 22
        with open_body() as body:
            await load(body, listener.document())
            await asyncio.sleep(1.5)
            assert "Hostile" in await text_of(body)
            assert listener.heard == []
            assert body.page.url().scheme() == "outrigger-mail"
        # The listener does listen.
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"GET /control\r\n")
        await until(lambda: listener.heard == ["GET /control"])
        writer.close()
        await writer.wait_closed()


async def test_each_vector_alone_reaches_nothing() -> None:
    async with listening() as listener:
        with open_body() as body:
            for number, vector in enumerate(VECTORS):
                await load(body, "<p>x</p>" + vector.format(u=f"http://127.0.0.1:{listener.port}/{number}"))
            await asyncio.sleep(1.0)
        assert listener.heard == []


async def test_the_web_process_can_resolve_nothing() -> None:
    with open_body():
        assert NO_NETWORK in os.environ["QTWEBENGINE_CHROMIUM_FLAGS"]


async def test_scripts_do_not_run() -> None:
    with open_body() as body:
        await load(
            body,
            "<p id=p>before</p><script>document.title='ran';p.textContent='after'</script><img src=x onerror=\"p.textContent='after'\">",
        )
        await asyncio.sleep(0.2)
        assert "before" in await text_of(body)
        assert "after" not in await text_of(body)
        assert body.page.title() != "ran"


async def test_every_attribute_of_the_engine_that_we_do_not_need_is_off() -> None:
    on = QWebEngineSettings.WebAttribute
    with open_body() as body:
        settings = body.page.settings()
        for attribute in (
            on.JavascriptEnabled,
            on.DnsPrefetchEnabled,
            on.PluginsEnabled,
            on.LocalStorageEnabled,
            on.LocalContentCanAccessFileUrls,
            on.LocalContentCanAccessRemoteUrls,
            on.HyperlinkAuditingEnabled,
            on.WebGLEnabled,
            on.PdfViewerEnabled,
            on.NavigateOnDropEnabled,
        ):
            assert not settings.testAttribute(attribute), attribute
        assert body.page.profile().isOffTheRecord()


async def test_a_link_becomes_a_signal_and_no_navigation() -> None:
    with open_body() as body:
        await load(
            body, '<a href="https://acme.example/offer" style="display:block;font-size:40px">A wide link to click</a>'
        )
        await settle(body)
        told: list[str] = []
        body.link_activated.connect(told.append)
        before = body.page.url()
        target = body.focusProxy().focusProxy() or body.focusProxy()
        QTest.mouseClick(target, Qt.MouseButton.LeftButton, pos=QPoint(80, 30))
        await until(lambda: told, "the click to be told")
        assert told == ["https://acme.example/offer"]
        assert body.page.url() == before


async def test_nothing_but_the_shown_document_may_be_navigated_to() -> None:
    with open_body() as body:
        await load(body, "<p>x</p>")
        other = QWebEnginePage.NavigationType.NavigationTypeOther
        for url in (
            "https://a.example/",
            "file:///etc/passwd",
            "data:text/html,x",
            "outrigger-mail://other/",
            "about:blank",
        ):
            assert not body.page.acceptNavigationRequest(url, other, True)
            assert not body.page.acceptNavigationRequest(url, other, False)
        assert body.page.createWindow(QWebEnginePage.WebWindowType.WebBrowserTab) is None


async def test_an_inline_image_is_asked_for_and_shown() -> None:
    with open_body() as body:
        asked: list[tuple[str, str]] = []

        def give(request: str, kind: str, name: str) -> None:
            asked.append((kind, name))
            body.answer(request, "image/png", png(200, 100, (200, 30, 30)))

        body.resource_wanted.connect(give)
        await load(body, clean_html('<img src="cid:logo@acme" width="200" height="100">').html)
        await settle(body)
        assert asked == [("cid", "logo@acme")]
        assert body.grab().toImage().pixelColor(100, 50) == QColor(200, 30, 30)


async def test_an_image_that_is_refused_leaves_its_gap() -> None:
    with open_body() as body:
        body.resource_wanted.connect(lambda request, _kind, _name: body.answer(request, "", b""))
        await load(body, '<img src="cid:gone"><p>text</p>')
        assert "text" in await text_of(body)


async def test_an_old_document_gets_no_answer_meant_for_it() -> None:
    with open_body() as body:
        requests: list[str] = []
        body.resource_wanted.connect(lambda request, _kind, _name: requests.append(request))
        body.show_html('<img src="cid:slow">', on_card=False)
        await until(lambda: requests)
        await load(body, "<p>next mail</p>")
        body.answer(requests[0], "image/png", png(10, 10, (1, 2, 3)))
        assert "next mail" in await text_of(body)


async def test_a_large_document_is_shown() -> None:
    with open_body() as body:
        await load(body, "<p>line of text</p>" * 160_000 + "<p>the end</p>")
        assert (await text_of(body)).rstrip().endswith("the end")


@pytest.mark.parametrize("width", [420, 600, 1000])
async def test_wide_mail_is_fitted_and_not_scrolled_sideways(width: int) -> None:
    with open_body(width) as body:
        wide = '<div style="width:1400px;background:#ddeeff">a fixed width of 1400 pixels</div>'
        await load(body, wide)
        await until(lambda: body.page.zoomFactor() < 1.0, "the mail to be fitted")
        await settle(body)
        assert body.page.contentsSize().width() <= width + 2


async def test_a_right_to_left_paragraph_reads_from_the_right() -> None:
    with open_body() as body:
        await load(body, clean_html("<p>السيدة ريتا المحترمة،</p><p>English below</p>").html)
        await settle(body)
        image = body.grab().toImage()

        def ink(left: int, right: int, top: int, bottom: int) -> bool:
            return any(image.pixelColor(x, y).lightness() < 120 for x in range(left, right) for y in range(top, bottom))

        assert ink(400, 580, 0, 30)
        assert not ink(24, 200, 0, 30)
        assert ink(24, 120, 30, 70)


async def test_dark_mode_leaves_coloured_mail_on_white_and_darkens_plain_mail(appearance: Appearance) -> None:
    appearance.choose("dark")
    with open_body() as body:
        body.resource_wanted.connect(lambda request, _kind, _name: body.answer(request, "", b""))
        newsletter = clean_html(NEWSLETTER)
        assert newsletter.sets_colours
        await load(body, newsletter.html, on_card=newsletter.sets_colours)
        await settle(body)
        assert body.grab().toImage().pixelColor(300, 12) == QColor("#ffffff")
        plain = clean_html(PLAIN_HTML)
        assert not plain.sets_colours
        await load(body, plain.html, on_card=plain.sets_colours)
        await settle(body)
        assert body.grab().toImage().pixelColor(590, 2) == QColor(DARK.surface)
    appearance.choose("light")
    with open_body() as body:
        await load(body, plain.html)
        await settle(body)
        assert body.grab().toImage().pixelColor(590, 2) == QColor(LIGHT.surface)
