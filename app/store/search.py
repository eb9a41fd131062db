"""The full-text index of mail (FTS5, contentless): words in, message ids out, newest first.

FTS5's tokeniser takes a run of Chinese, Japanese or Thai for one word. So each character of a script without spaces is indexed as a word of
its own, and a run of them is searched as a phrase: no second index, and a hit is always a true substring.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.model.ids import FolderId, MailAccountId, MessageId
from app.store.database import Reader, Transaction

_NO_SPACES = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u3100-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_CHARACTER = re.compile(f"([{_NO_SPACES}])")
_ANY = re.compile(f"[{_NO_SPACES}]")
_TERM = re.compile(r'(-?)(?:(from|to|subject|filename):)?(?:"([^"]*)"?|(\S+))', re.IGNORECASE)
_COLUMN = {"from": "sender", "to": "recipients", "subject": "subject", "filename": "attachments"}
_WORDLIKE = re.compile(r"\w", re.UNICODE)
_MAX_TERMS = 24


@dataclass(frozen=True, slots=True)
class IndexCount:
    """How complete the index of a folder is: messages stored, bodies here, bodies indexed."""

    stored: int
    bodies: int
    indexed: int


def index_headers(tx: Transaction, messages: Sequence[tuple[MessageId, str, str, str]]) -> None:
    """Make new messages (id, subject, sender, recipients) findable before their bodies are here."""
    tx.execute_many(
        "INSERT INTO message_search (rowid, subject, sender, recipients, body, attachments) VALUES (?, ?, ?, ?, '', '')",
        [(mid, spaced(subject), spaced(sender), spaced(recipients)) for mid, subject, sender, recipients in messages],
    )


def index_body(
    tx: Transaction, message_id: MessageId, subject: str, sender: str, recipients: str, body: str, attachments: str
) -> None:
    """Replace a message's entry by one with all its words."""
    tx.execute(
        "INSERT OR REPLACE INTO message_search (rowid, subject, sender, recipients, body, attachments) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (message_id, spaced(subject), spaced(sender), spaced(recipients), spaced(body), spaced(attachments)),
    )


def forget(tx: Transaction, message_ids: Iterable[MessageId]) -> None:
    """Take messages out of the index."""
    tx.execute_many("DELETE FROM message_search WHERE rowid = ?", [(message_id,) for message_id in message_ids])


def find(reader: Reader, words: str, *, limit: int) -> list[MessageId]:
    """The newest messages that hold all the words (each may be unfinished, but for single letters) and are in some folder.

    ``from:``, ``to:``, ``subject:`` and ``filename:`` look at one field, quotes keep words together, ``-`` excludes.
    """
    query = match_expression(words)
    if not query:
        return []
    rows = reader.rows(
        "SELECT s.rowid FROM message_search s WHERE s.message_search MATCH ? AND EXISTS "
        "(SELECT 1 FROM location l WHERE l.message_id = s.rowid AND l.is_shown = 1) ORDER BY s.rowid DESC LIMIT ?",
        (query, limit),
    )
    return [MessageId(row[0]) for row in rows]


def completeness(reader: Reader, folder_id: FolderId) -> IndexCount:
    """How many of a folder's messages can be found by their body."""
    row = reader.row(
        "SELECT count(*), sum(m.body_state <> 'none'), sum(m.is_body_indexed) FROM location l "
        "JOIN message m ON m.message_id = l.message_id WHERE l.folder_id = ? AND l.is_shown = 1",
        (folder_id,),
    )
    assert row is not None
    return IndexCount(int(row[0]), int(row[1] or 0), int(row[2] or 0))


def forget_account(tx: Transaction, account_id: MailAccountId) -> None:
    """Take all messages of an account out of the index, before its rows go."""
    forget(
        tx, [MessageId(row[0]) for row in tx.rows("SELECT message_id FROM message WHERE account_id = ?", (account_id,))]
    )


def match_expression(words: str) -> str:
    """What a person typed as an FTS5 query; "" when there is nothing to look for. Nothing typed can be an operator of FTS5."""
    wanted: list[str] = []
    excluded: list[str] = []
    for number, found in enumerate(_TERM.finditer(words.replace("\x00", " "))):
        if number >= _MAX_TERMS:
            break
        minus, column, phrase, word = found.groups()
        text = phrase if phrase is not None else word
        if not _WORDLIKE.search(text):
            continue
        term = '"' + spaced(text).replace('"', '""').strip() + '"'
        if phrase is None and (len(text) > 1 or not text.isascii()):
            term += " *"
        if column:
            term = f"{_COLUMN[column.lower()]} : {term}"
        (excluded if minus else wanted).append(term)
    if not wanted:
        return ""
    joined = " AND ".join(f"({term})" for term in wanted)
    return f"({joined}) NOT ({' OR '.join(f'({term})' for term in excluded)})" if excluded else joined


def spaced(text: str) -> str:
    """The text with the characters of scripts without spaces set apart."""
    text = text.replace("\x00", " ")
    if text.isascii():
        return text
    # Some charsets decode to lone surrogates, which no database takes.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return _CHARACTER.sub(r" \1 ", text) if _ANY.search(text) else text
