"""The TLS settings of mail connections: certificates are always verified, TLS 1.2 or newer, and nothing can be overridden by a click."""

from __future__ import annotations

import ssl

from app.errors import PermanentError


def client_context(ca_file: str) -> ssl.SSLContext:
    """A verifying context that trusts the system's authorities and those in ``ca_file`` (a PEM bundle; "" for none).

    It reads files, so call it in a worker's thread. Raises PermanentError when the bundle cannot be read.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise PermanentError(
                "the account's own certificate authority cannot be read from its file", code="ca_file_unreadable"
            ) from error
    return context
