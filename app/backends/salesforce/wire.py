"""One blocking HTTP session that cannot hang, follows no redirect, and knows whether a request left this machine.

simple-salesforce and requests bring no timeout, trust any answer and forget where a failure happened. `WatchedSession` closes this: timeouts on
connecting and reading, an abort from the loop's thread for the overall deadline, a limit on the size of an answer, and a note of the first byte
sent, so that "refused before anything was sent" and "answer lost" are told apart by fact and not by the type of an exception.
"""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidJSONError, InvalidProxyURL
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from app.auth.hosts import is_loopback
from app.errors import AppError, BugError, Offline, OutcomeUnknown, TransientError

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 60.0
ANSWER_LIMIT = 64 * 1024 * 1024
_CHUNK = 64 * 1024
_UNWRITABLE = (ValueError, InvalidJSONError)


@dataclass(slots=True, eq=False)
class Call:
    """One request under way, or several for reading. ``is_write`` decides what a lost answer means; ``was_sent`` is true from its first byte on."""

    is_write: bool
    was_sent: bool = False
    was_aborted: bool = False


class Watch:
    """Shared by a session's thread and the loop: which call runs, and on which socket."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._call: Call | None = None
        self._socket: socket.socket | None = None

    def begin(self, call: Call) -> None:
        """The thread starts a call; raises as `lost` does when the loop gave it up before."""
        with self._lock:
            call.was_sent = False
            if call.was_aborted:
                raise lost(call)
            self._call = call

    def end(self) -> None:
        """The thread ends its call."""
        with self._lock:
            self._call = None

    def connected(self, sock: socket.socket | None) -> None:
        """A connection was made; what was written until now (a proxy's CONNECT) was not the request."""
        with self._lock:
            self._socket = sock
            if self._call is not None:
                self._call.was_sent = False
                if self._call.was_aborted:
                    _wake(sock)

    def sending(self, sock: socket.socket | None) -> None:
        """The next byte belongs to the request, and goes out here."""
        with self._lock:
            self._socket = sock
            if self._call is not None:
                self._call.was_sent = True

    def abort(self, call: Call) -> None:
        """From the loop: make this call fail now, wherever it waits; another call is left alone."""
        with self._lock:
            call.was_aborted = True
            if self._call is call:
                _wake(self._socket)


class WatchedSession(requests.Session):
    """A `requests.Session` with the habits above. Used in one thread; set ``call`` before a request.

    ``ca_file`` is trusted besides the system's authorities. Raises Offline, OutcomeUnknown and TransientError for failures of transport; an answer
    of any status is returned with its whole body.
    """

    def __init__(self, watch: Watch, *, ca_file: str = "") -> None:
        super().__init__()
        self.call = Call(is_write=False)
        self._watch = watch
        # A .netrc entry would replace our Authorization field; proxies are read below, for each address.
        self.trust_env = False
        adapter = _WatchedAdapter(watch, ca_file)
        self.mount("https://", adapter)
        self.mount("http://", adapter)
        # The library logs whole addresses, and an address can hold a query with people's addresses in it.
        for name in ("urllib3", "simple_salesforce"):
            logging.getLogger(name).setLevel(logging.ERROR)

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002 - whatever the answer says
        """There is none: a redirect is an answer like any other, and the token goes nowhere else."""
        return None

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """See `requests.Session.request`; redirects are returned, not followed."""
        kwargs["timeout"] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        kwargs["allow_redirects"] = False
        kwargs["stream"] = True
        # A demo world on this machine is not behind the company's proxy.
        kwargs["proxies"] = {} if is_loopback(urlsplit(str(url)).hostname or "") else get_environ_proxies(str(url))
        call = self.call
        self._watch.begin(call)
        try:
            with super().request(method, url, *args, **kwargs) as answer:
                return _whole(answer)
        except AppError:
            raise
        except Exception as error:  # noqa: BLE001 - the seam: requests, urllib3, ssl and http.client raise beyond their own trees
            raise _translate(error, call) from None
        finally:
            self._watch.end()


def lost(call: Call) -> TransientError:
    """What a call without an answer means: nothing sent, or perhaps done, or (for reading) merely to be asked again."""
    if not call.was_sent:
        return Offline("the server could not be reached; nothing was sent")
    if call.is_write:
        return OutcomeUnknown("the connection broke before the answer came; the change may have been made")
    return TransientError("the connection broke before the answer came", code="connection_lost")


def not_understood(call: Call) -> TransientError:
    """Something answered that is not Salesforce, or Salesforce in disorder: a sign-in page of the network, a page of a proxy, a cut answer."""
    if call.is_write:
        return OutcomeUnknown("the answer was not Salesforce's; the change may have been made", code="strange_answer")
    return Offline("a page of the network answered instead of Salesforce", code="captive_portal")


def _translate(error: Exception, call: Call) -> AppError:
    if not call.was_sent and _is_certificate_problem(error):
        return Offline("the server's certificate is not to be trusted; nothing was sent", code="certificate_refused")
    if isinstance(error, _AnswerTooLong):
        return not_understood(call)
    is_ours = isinstance(error, _UNWRITABLE) and not isinstance(error, InvalidProxyURL)
    if is_ours and not call.was_sent and not call.was_aborted:
        # An address, field or body of ours that cannot be sent at all; trying again would not mend it.
        return BugError(f"the request could not be written ({type(error).__name__})")
    return lost(call)


def _is_certificate_problem(error: BaseException | None) -> bool:
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = getattr(error, "reason", None) or next((a for a in error.args if isinstance(a, BaseException)), None)
        seen += 1
    return False


class _AnswerTooLong(Exception):
    pass


def _whole(answer: requests.Response) -> requests.Response:
    body = bytearray()
    for chunk in answer.iter_content(_CHUNK):
        body += chunk
        if len(body) > ANSWER_LIMIT:
            raise _AnswerTooLong
    whole = requests.Response()
    whole.status_code = answer.status_code
    whole.headers = answer.headers
    whole.url = answer.url
    whole.reason = answer.reason
    whole.encoding = "utf-8"
    whole.request = answer.request
    whole.raw = io.BytesIO(bytes(body))
    return whole


def _wake(sock: socket.socket | None) -> None:
    if sock is None:
        return
    with contextlib.suppress(OSError):
        # Not the TLS socket's own shutdown, which takes its state away from the thread that is reading.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class _WatchedAdapter(HTTPAdapter):
    def __init__(self, watch: Watch, ca_file: str) -> None:
        self._pools = _pool_classes(watch)
        # The system's authorities; requests adds those of certifi, where the system has none that OpenSSL can read.
        self._tls = ssl.create_default_context()
        if ca_file:
            self._tls.load_verify_locations(ca_file)
        super().__init__(pool_connections=4, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._tls)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs, ssl_context=self._tls)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pool_classes(watch: Watch) -> dict[str, type[HTTPConnectionPool]]:
    class WatchedHttpConnection(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            watch.connected(self.sock)

        def send(self, data: Any) -> None:
            if self.sock is None:
                self.connect()
            watch.sending(self.sock)
            super().send(data)

    class WatchedHttpsConnection(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            watch.connected(self.sock)

        def send(self, data: Any) -> None:
            if self.sock is None:
                self.connect()
            watch.sending(self.sock)
            super().send(data)

    class WatchedHttpPool(HTTPConnectionPool):
        ConnectionCls = WatchedHttpConnection

    class WatchedHttpsPool(HTTPSConnectionPool):
        ConnectionCls = WatchedHttpsConnection

    return {"http": WatchedHttpPool, "https": WatchedHttpsPool}
