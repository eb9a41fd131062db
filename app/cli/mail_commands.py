"""``sync``, ``folders``, ``messages``, ``show``, ``search``."""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import signal
from pathlib import Path
from typing import Any

from app.bootstrap import Services
from app.cli.account_commands import split_key
from app.cli.call import Call, path_argument
from app.cli.output import REFUSED, Answer, Output, local_time, plain, plain_lines, table
from app.errors import AppError, RecordNotFound, ValidationFailed
from app.events import (
    BackgroundTaskFailed,
    ConnectivityChanged,
    Event,
    MessagesStored,
    OperationChanged,
    SignInRequired,
    SyncProgressed,
)
from app.model.ids import FolderId, MailAccountId, MessageId, mail_account_key
from app.model.mail import Address, Flag, Folder, MessageContent, MessageRow, Part


def register(commands: Any, add: Any) -> None:
    """Declare the commands."""
    sync = add(commands, "sync", "bring mail in; with --watch, go on until interrupted", sync_mail)
    sync.add_argument("account", nargs="?", default="", help="mail:N; all mailboxes where none is given")
    sync.add_argument(
        "--watch",
        action="store_const",
        const=True,
        dest="background",
        default=False,
        help="stay, send what waits, and tell what happens (with --json one document a line)",
    )
    folders = add(commands, "folders", "the folders of all mailboxes", list_folders)
    folders.add_argument("--account", default="", help="mail:N only")
    messages = add(commands, "messages", "messages of a folder, newest first", list_messages)
    messages.add_argument(
        "folder", nargs="?", default="", help="number or path of a folder; all inboxes where none is given"
    )
    messages.add_argument("--unread", action="store_true", help="unread ones only")
    messages.add_argument("--limit", type=_count, default=50)
    messages.add_argument("--offset", type=_count, default=0)
    show = add(commands, "show", "one message", show_message)
    show.add_argument("message", type=int, help="its number")
    show.add_argument("--source", action="store_true", help="as it came from the server")
    show.add_argument("--save", metavar="PART", help="save the attachment of this number")
    show.add_argument("--to", type=path_argument, default=Path(), metavar="FOLDER", help="where to (default: here)")
    search = add(commands, "search", "messages that hold all the words", search_messages)
    search.add_argument("words", nargs="+")
    search.add_argument("--limit", type=_count, default=50)


async def sync_mail(call: Call) -> Answer:
    """Bring mail in once, or stay."""
    if call.args.background:
        return await _watch(call.services, call.output)
    wanted = await call.services.accounts.mail.list()
    if call.args.account:
        kind, number = split_key(call.args.account)
        wanted = [one for one in wanted if kind == "mail" and one.account_id == number]
        if not wanted:
            raise RecordNotFound(f"there is no account {call.args.account}", code="no_such_account")
    stored: dict[FolderId, int] = {}

    def count(event: MessagesStored) -> None:
        stored[event.folder_id] = stored.get(event.folder_id, 0) + len(event.message_ids)

    unsubscribe = call.services.bus.subscribe(MessagesStored, count)
    problems: dict[MailAccountId, AppError] = {}
    try:
        for account in wanted:
            try:
                await call.services.sync.sync_now(account.account_id)
            except AppError as error:
                problems[account.account_id] = error
    finally:
        unsubscribe()
    folders = await call.services.reader.folders()
    documents, lines = [], []
    for account in wanted:
        key = mail_account_key(account.account_id)
        new = sum(stored.get(one.folder_id, 0) for one in folders if one.account_id == account.account_id)
        total = sum(one.total for one in folders if one.account_id == account.account_id)
        document: dict[str, Any] = {"account": key, "new": new, "stored": total}
        line = f"{key}: {new} new, {total} here"
        if account.account_id in problems:
            problem = problems[account.account_id]
            document |= {"error": type(problem).__name__, "code": problem.code, "words": problem.message}
            line += f"; stopped: {problem.message}"
        documents.append(document)
        lines.append(line)
    return Answer({"accounts": documents}, lines or ["no mailbox yet"], code=REFUSED if problems else 0)


async def list_folders(call: Call) -> Answer:
    """All folders."""
    account_id = None
    if call.args.account:
        kind, number = split_key(call.args.account)
        known = {one.account_id for one in await call.services.accounts.mail.list()}
        if kind != "mail" or number not in known:
            raise RecordNotFound(f"there is no account {call.args.account}", code="no_such_account")
        account_id = MailAccountId(number)
    folders = await call.services.reader.folders(account_id)
    documents = [
        {
            "folder": one.folder_id,
            "account": mail_account_key(one.account_id),
            "path": one.path,
            "role": str(one.role),
            "unread": one.unread,
            "total": one.total,
            "server_total": one.server_total,
        }
        for one in folders
    ]
    lines = table(
        (str(d["folder"]), str(d["account"]), str(d["role"]), f"{d['unread']}/{d['total']}", str(d["path"]))
        for d in documents
    )
    return Answer({"folders": documents}, lines or ["no folder yet"])


async def list_messages(call: Call) -> Answer:
    """Rows of a folder."""
    folder_id = (
        None if not call.args.folder else _folder(await call.services.reader.folders(), call.args.folder).folder_id
    )
    rows = await call.services.reader.rows(
        folder_id, offset=call.args.offset, limit=call.args.limit, unread_only=call.args.unread
    )
    total = await call.services.reader.count(folder_id, unread_only=call.args.unread)
    return Answer(
        {"total": total, "messages": [row_document(row) for row in rows]},
        [*_row_lines(rows), f"{len(rows)} of {total}"],
    )


async def search_messages(call: Call) -> Answer:
    """Rows that hold the words."""
    rows = await call.services.search.search(" ".join(call.args.words), limit=call.args.limit)
    return Answer({"messages": [row_document(row) for row in rows]}, _row_lines(rows) or ["nothing found"])


async def show_message(call: Call) -> Answer:
    """One message, its source, or one of its attachments."""
    message_id = MessageId(call.args.message)
    if call.args.source:
        raw = await call.services.reader.source(message_id)
        return Answer(
            {"message": message_id, "source_base64": base64.b64encode(raw).decode()},
            plain_lines(raw.decode("utf-8", "replace")),
        )
    if call.args.save:
        try:
            path = await call.services.files.export(message_id, call.args.save, call.args.to)
        except KeyError:
            raise RecordNotFound(f"the message has no part {call.args.save}", code="no_such_part") from None
        return Answer({"saved": str(path)}, [f"saved as {path}"])
    content = await call.services.reader.content(message_id)
    return Answer(_content_document(content), _content_lines(content))


async def _watch(services: Services, output: Output) -> Answer:
    """Tell what happens until the process is asked to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows loops take no signals: there Ctrl+C ends the program the usual way.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)

    def tell(event: Event) -> None:
        document, line = _event_words(event)
        if output.as_json:
            output.document(document)
        else:
            output.line(line)

    unsubscribes = [services.bus.subscribe(kind, tell) for kind in WATCHED]
    if output.as_json:
        output.document({"event": "watching"})
    else:
        output.line("watching; Ctrl+C ends it")
    try:
        await stop.wait()
    finally:
        for unsubscribe in unsubscribes:
            unsubscribe()
    return Answer({"event": "stopped"}, ["stopped"])


WATCHED: tuple[type[Event], ...] = (
    MessagesStored,
    SyncProgressed,
    OperationChanged,
    ConnectivityChanged,
    SignInRequired,
    BackgroundTaskFailed,
)


def _event_words(event: Event) -> tuple[dict[str, Any], str]:
    name = type(event).__name__
    match event:
        case MessagesStored():
            word = "new" if event.is_new_mail else "stored"
            return (
                {
                    "event": name,
                    "folder": event.folder_id,
                    "messages": list(event.message_ids),
                    "is_new": event.is_new_mail,
                },
                f"folder {event.folder_id}: {len(event.message_ids)} {word}",
            )
        case SyncProgressed():
            total = "?" if event.total is None else event.total
            end = ", finished" if event.is_finished else ""
            return (
                {
                    "event": name,
                    "folder": event.folder_id,
                    "done": event.done,
                    "total": event.total,
                    "is_finished": event.is_finished,
                },
                f"folder {event.folder_id}: {event.done} of {total}{end}",
            )
        case OperationChanged():
            return (
                {"event": name, "operation": event.operation_id, "state": str(event.state)},
                f"operation {event.operation_id}: {event.state}",
            )
        case ConnectivityChanged():
            return {
                "event": name,
                "is_online": event.is_online,
                "chosen": event.chosen,
            }, "online" if event.is_online else "offline"
        case SignInRequired():
            return {"event": name, "account": event.account}, f"{event.account}: sign-in needed"
        case BackgroundTaskFailed():
            return {"event": name, "task": event.task, "code": event.code}, f"{event.task}: {event.code}"
        case _:
            return {"event": name}, name


def _folder(folders: list[Folder], text: str) -> Folder:
    found = [one for one in folders if str(one.folder_id) == text or one.path == text]
    if not found:
        raise RecordNotFound(f"there is no folder {text}", code="no_such_folder")
    if len(found) > 1:
        numbers = ", ".join(str(one.folder_id) for one in found)
        raise ValidationFailed(f"several folders have that path: give a number ({numbers})", code="several_folders")
    return found[0]


def row_document(row: MessageRow) -> dict[str, Any]:
    """A row of the list as JSON."""
    return {
        "message": row.message_id,
        "account": mail_account_key(row.account_id),
        "folder": row.folder_id,
        "from": _address_document(row.sender),
        "to": row.recipients,
        "subject": row.subject,
        "snippet": row.snippet,
        "date": row.date,
        "flags": sorted(row.flags),
        "has_attachments": row.has_attachments,
        "size": row.size,
        "pending": row.pending,
        "logged": row.logged,
    }


def _row_lines(rows: list[MessageRow]) -> list[str]:
    return table(
        (
            str(row.message_id),
            " " if Flag.SEEN in row.flags else "*",
            local_time(row.date),
            row.sender.display[:28],
            row.logged or row.pending,
            row.subject,
        )
        for row in rows
    )


def _content_document(content: MessageContent) -> dict[str, Any]:
    envelope = content.envelope
    return {
        "message": content.message_id,
        "subject": envelope.subject,
        "date": envelope.date,
        "from": [_address_document(one) for one in envelope.from_],
        "reply_to": [_address_document(one) for one in envelope.reply_to],
        "to": [_address_document(one) for one in envelope.to],
        "cc": [_address_document(one) for one in envelope.cc],
        "message_id": envelope.message_id,
        "in_reply_to": envelope.in_reply_to,
        "text": content.text,
        "has_html": bool(content.html),
        "remote_images": content.remote_images,
        "attachments": [_part_document(one) for one in content.attachments],
        "problem": content.problem,
    }


def _content_lines(content: MessageContent) -> list[str]:
    envelope = content.envelope
    lines = [f"Subject: {plain(envelope.subject)}", f"Date:    {local_time(envelope.date)}"]
    for name, addresses in (("From:   ", envelope.from_), ("To:     ", envelope.to), ("Cc:     ", envelope.cc)):
        if addresses:
            lines.append(f"{name} {plain(', '.join(_address_text(one) for one in addresses))}")
    lines += [
        f"Part {one.part_id}: {plain(one.filename)} ({one.content_type}, {one.size} bytes)"
        for one in content.attachments
    ]
    if content.problem:
        lines.append(f"Note:    {content.problem}")
    return [*lines, "", *plain_lines(content.text)]


def _address_document(address: Address) -> dict[str, str]:
    return {"name": address.name, "address": address.address}


def _address_text(address: Address) -> str:
    return f"{address.name} <{address.address}>" if address.name else address.address


def _part_document(part: Part) -> dict[str, Any]:
    return {"part": part.part_id, "name": part.filename, "type": part.content_type, "size": part.size}


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number
