"""The extensions of the IMAP server, each of which can be left out so that a client's fallbacks can be tested."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Extension(StrEnum):
    """An extension by the name under which CAPABILITY announces it."""

    APPENDLIMIT = "APPENDLIMIT"  # RFC 7889
    CHILDREN = "CHILDREN"  # RFC 3348
    CONDSTORE = "CONDSTORE"  # RFC 7162
    CREATE_SPECIAL_USE = "CREATE-SPECIAL-USE"  # RFC 6154
    ENABLE = "ENABLE"  # RFC 5161
    ESEARCH = "ESEARCH"  # RFC 4731
    ID = "ID"  # RFC 2971
    IDLE = "IDLE"  # RFC 2177
    LIST_EXTENDED = "LIST-EXTENDED"  # RFC 5258
    LIST_STATUS = "LIST-STATUS"  # RFC 5819
    LITERAL_PLUS = "LITERAL+"  # RFC 7888
    MOVE = "MOVE"  # RFC 6851
    NAMESPACE = "NAMESPACE"  # RFC 2342
    SASL_IR = "SASL-IR"  # RFC 4959
    SPECIAL_USE = "SPECIAL-USE"  # RFC 6154
    UIDPLUS = "UIDPLUS"  # RFC 4315
    UNSELECT = "UNSELECT"  # RFC 3691


ALL_EXTENSIONS: Final = frozenset(Extension)

BEFORE_SIGN_IN: Final = frozenset(
    {Extension.ENABLE, Extension.ID, Extension.IDLE, Extension.LITERAL_PLUS, Extension.SASL_IR}
)
"""The ones that CAPABILITY names before anybody has signed in."""

APPEND_LIMIT: Final = 64 << 20
"""The largest message that APPEND takes, in bytes."""
