"""Ways in which HTML reaches for the network, each with an address of its own on a listener of the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

VECTORS = (
    '<img src="{u}">',
    '<img srcset="{u} 1x, {u}-2 2x">',
    '<picture><source srcset="{u}"><img alt=""></picture>',
    '<div style="background:url({u})">x</div>',
    "<div style=\"background-image:image-set('{u}' 1x)\">x</div>",
    '<ul style="list-style-image:url({u})"><li>x</ul>',
    '<div style="cursor:url({u}),auto">x</div>',
    "<style>@import url('{u}');</style>",
    "<style>@font-face {{font-family:f;src:url('{u}')}} p {{font-family:f}}</style><p>x</p>",
    "<style>div::before {{content:url('{u}')}}</style>",
    '<link rel="stylesheet" href="{u}">',
    '<link rel="prefetch" href="{u}">',
    '<link rel="preconnect" href="{u}">',
    '<link rel="dns-prefetch" href="{u}">',
    '<link rel="icon" href="{u}">',
    '<meta http-equiv="refresh" content="0; url={u}">',
    '<iframe src="{u}"></iframe>',
    '<object data="{u}"></object><embed src="{u}-2">',
    '<video poster="{u}" src="{u}-2" autoplay></video><audio src="{u}-3" autoplay></audio>',
    '<svg><image href="{u}"/><use href="{u}-2#a"/></svg>',
    '<table background="{u}"><tr><td background="{u}-2">x</td></tr></table>',
    """<form action="{u}"><input type="image" src="{u}-2"></form><script src="{u}-3"></script><script>fetch('{u}-4')</script>""",
)


class Listener:
    """A server on loopback that notes every connection and the first line that came with it."""

    def __init__(self) -> None:
        self.port = 0
        self.heard: list[str] = []

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = b""
        try:
            async with asyncio.timeout(1):
                line = await reader.readline()
        except TimeoutError:
            pass
        self.heard.append(line.decode("ascii", "replace").strip())
        writer.close()
        await writer.wait_closed()

    def document(self) -> str:
        """All vectors in one document, numbered."""
        body = "\n".join(
            vector.format(u=f"http://127.0.0.1:{self.port}/{number}") for number, vector in enumerate(VECTORS)
        )
        return f'<p>Hostile</p><base href="http://127.0.0.1:{self.port}/base/"><img src="relative.png">{body}'


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    """A listener for the time of a test."""
    listener = Listener()
    server = await asyncio.start_server(listener.hear, "127.0.0.1", 0)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()
        await server.wait_closed()
