"""The user's own browser, started by the system. Blocking, so it runs in a thread of its own."""

from __future__ import annotations

import webbrowser

from app.concurrency import BlockingWorker
from app.errors import LocalError


class SystemBrowser:
    """The `Browser` of the operating system."""

    async def open(self, url: str) -> None:
        """See `Browser.open`. Only http and https addresses; raises LocalError when no browser can be started."""
        if not url.startswith(("https://", "http://")):
            raise LocalError("only web addresses are opened in the browser", code="no_browser")
        # A thread for each page: a text browser in a terminal does not come back before it is closed.
        worker = BlockingWorker("system-browser")
        try:
            was_opened = await worker.run(_open, url)
        finally:
            await worker.close()
        if not was_opened:
            raise LocalError("no browser could be started on this machine", code="no_browser")


def _open(url: str) -> bool:
    try:
        return webbrowser.open(url)
    except (webbrowser.Error, OSError):
        return False
