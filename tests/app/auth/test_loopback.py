"""The loopback receiver against stray, wrong, slow and hostile visitors (reliability page F17 and section 6, "OAuth callback")."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

import pytest

from app.auth.loopback import LoopbackReceiver, SignInCancelled
from app.errors import LocalError, TransientError

STATE = "the-right-state"


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


async def visit(port: int, raw: bytes, *, host: str = "127.0.0.1") -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(raw)
    try:
        await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def get(port: int, target: str, *, host: str | None = None) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: {host or f'localhost:{port}'}\r\n\r\n".encode("latin-1")


def callback(**fields: str) -> str:
    return "/OauthRedirect?" + "&".join(f"{name}={value}" for name, value in fields.items())


async def test_the_code_arrives_and_the_person_reads_a_page() -> None:
    async with LoopbackReceiver(STATE, free_ports(1)) as receiver:
        port = urlsplit(receiver.redirect_uri).port
        assert receiver.redirect_uri == f"http://localhost:{port}/OauthRedirect"
        waiting = asyncio.create_task(receiver.code())
        page = await visit(port, get(port, callback(code="aPrx%3D%3D", state=STATE)))
        assert await waiting == "aPrx=="
        assert page.startswith(b"HTTP/1.1 200 OK")
        assert b"You are signed in" in page
        assert b"aPrx" not in page


WRONG = [
    ("favicon", lambda port: get(port, "/favicon.ico"), b"404"),
    ("root", lambda port: get(port, "/"), b"404"),
    ("path below", lambda port: get(port, "/OauthRedirect/x?state=" + STATE + "&code=x"), b"404"),
    ("no query", lambda port: get(port, "/OauthRedirect"), b"400"),
    ("no state", lambda port: get(port, callback(code="x")), b"400"),
    ("wrong state", lambda port: get(port, callback(code="x", state="wrong")), b"400"),
    ("two states", lambda port: get(port, callback(code="x", state=STATE) + f"&state={STATE}"), b"400"),
    ("two codes", lambda port: get(port, callback(code="x", state=STATE) + "&code=y"), b"400"),
    ("no code", lambda port: get(port, callback(state=STATE)), b"400"),
    ("empty code", lambda port: get(port, callback(code="", state=STATE)), b"400"),
    ("error without state", lambda port: get(port, callback(error="access_denied")), b"400"),
    ("bytes that are no text", lambda port: get(port, callback(code="%ff%fe", state=STATE)), b"400"),
    ("post", lambda port: get(port, callback(code="x", state=STATE)).replace(b"GET", b"POST"), b"405"),
    ("foreign host", lambda port: get(port, callback(code="x", state=STATE), host="evil.example"), b"400"),
    ("no host", lambda _port: f"GET {callback(code='x', state=STATE)} HTTP/1.1\r\n\r\n".encode(), b"400"),
    ("other port", lambda port: get(port, callback(code="x", state=STATE), host="localhost:1"), b"400"),
    ("not http", lambda _port: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
    ("long path", lambda port: get(port, "/" + "x" * 70_000), b"414"),
    ("script", lambda port: get(port, callback(error="%3Cscript%3E", state="%3Cscript%3E")), b"400"),
]


@pytest.mark.parametrize(("raw", "status"), [pytest.param(raw, status, id=name) for name, raw, status in WRONG])
async def test_a_wrong_visit_is_told_so_and_the_waiting_goes_on(raw, status: bytes) -> None:
    async with LoopbackReceiver(STATE, free_ports(1)) as receiver:
        port = urlsplit(receiver.redirect_uri).port
        waiting = asyncio.create_task(receiver.code())
        page = await visit(port, raw(port))
        if (
            page or status != b"414"
        ):  # where the rest of a long path is still on its way, the end of the connection can overtake the page
            assert page.split(b" ")[1] == status
        assert b"<script>" not in page
        assert not waiting.done()
        await visit(port, get(port, callback(code="right", state=STATE)))
        assert await waiting == "right"


async def test_silent_and_half_visitors_do_not_keep_the_right_one_out() -> None:
    async with LoopbackReceiver(STATE, free_ports(1)) as receiver:
        port = urlsplit(receiver.redirect_uri).port
        waiting = asyncio.create_task(receiver.code())
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        for _, writer in slow:
            writer.write(b"GET /OauthRedirect?co")
        await visit(port, get(port, callback(code="right", state=STATE)))
        assert await waiting == "right"
        for _, writer in slow:
            writer.close()


@pytest.mark.parametrize("word", ["access_denied", "access-denied", "invalid_client"])
async def test_a_refusal_in_the_browser_ends_the_sign_in(word: str) -> None:
    async with LoopbackReceiver(STATE, free_ports(1)) as receiver:
        port = urlsplit(receiver.redirect_uri).port
        waiting = asyncio.create_task(receiver.code())
        page = await visit(port, get(port, callback(error=word, error_description="%3Cb%3E", state=STATE)))
        assert b"not completed" in page
        assert b"<b>" not in page
        with pytest.raises(SignInCancelled) as caught:
            await waiting
        assert caught.value.code == word.replace("-", "_")


async def test_a_second_callback_changes_nothing() -> None:
    async with LoopbackReceiver(STATE, free_ports(1)) as receiver:
        port = urlsplit(receiver.redirect_uri).port
        await visit(port, get(port, callback(code="first", state=STATE)))
        page = await visit(port, get(port, callback(code="second", state=STATE)))
        assert page.split(b" ")[1] == b"400"
        assert await receiver.code() == "first"


async def test_giving_up_in_the_program() -> None:
    async with LoopbackReceiver(STATE, free_ports(1)) as receiver:
        cancel = asyncio.Event()
        waiting = asyncio.create_task(receiver.code(cancel=cancel))
        await asyncio.sleep(0)
        cancel.set()
        with pytest.raises(SignInCancelled):
            await waiting


async def test_nobody_comes() -> None:
    async with LoopbackReceiver(STATE, free_ports(1)) as receiver:
        with pytest.raises(TransientError) as caught:
            await receiver.code(wait_s=0.05)
        assert caught.value.code == "sign_in_timeout"


async def test_a_taken_port_is_passed_over_and_freed_ones_are_free_again() -> None:
    ports = free_ports(2)
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports[0]))
        other.listen()
        async with LoopbackReceiver(STATE, ports) as receiver:
            assert urlsplit(receiver.redirect_uri).port == ports[1]
            with pytest.raises(LocalError) as caught:
                async with LoopbackReceiver(STATE, ports):
                    pass
            assert caught.value.code == "callback_ports_taken"
    async with LoopbackReceiver(STATE, ports) as receiver:
        assert urlsplit(receiver.redirect_uri).port == ports[0]


async def test_both_addresses_of_localhost_are_listened_on() -> None:
    async with LoopbackReceiver(STATE, free_ports(1)) as receiver:
        port = urlsplit(receiver.redirect_uri).port
        try:
            page = await visit(port, get(port, callback(code="six", state=STATE)), host="::1")
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
        assert b"200 OK" in page
        assert await receiver.code() == "six"


def test_the_state_does_not_show_itself() -> None:
    assert STATE not in repr(LoopbackReceiver(STATE))
