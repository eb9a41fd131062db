"""LIST answers read into folders, and what each folder is for: by RFC 6154 where the server says it, else by well-known names."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from imapclient.imap_utf7 import decode as decode_utf7
from imapclient.response_parser import parse_response

from app.backends.imap.answers import answers
from app.mail.ports import RemoteFolder
from app.model.mail import FolderRole

MAX_PATH_CHARS = 1_000
_SPECIAL_USE = {
    "\\archive": FolderRole.ARCHIVE,
    "\\drafts": FolderRole.DRAFTS,
    "\\sent": FolderRole.SENT,
    "\\junk": FolderRole.JUNK,
    "\\spam": FolderRole.JUNK,
    "\\trash": FolderRole.TRASH,
    "\\all": FolderRole.ALL,
    "\\allmail": FolderRole.ALL,
    "\\flagged": FolderRole.FLAGGED,
    "\\starred": FolderRole.FLAGGED,
}
# The names that mail programs and providers give these folders, compared without case and accents; the likeliest first.
_NAMES: dict[FolderRole, tuple[str, ...]] = {
    FolderRole.SENT: (
        "sent", "sent items", "sent mail", "sent messages", "sent-mail", "gesendet", "gesendete elemente", "gesendete objekte",
        "gesendete nachrichten", "envoyes", "elements envoyes", "messages envoyes", "enviados", "elementos enviados",
        "mensajes enviados", "itens enviados", "posta inviata", "inviati", "inviata", "elementi inviati", "verzonden",
        "verzonden items", "verzonden berichten", "skickat", "skickade", "sendt", "sendte", "sendt post", "lahetetyt",
        "wyslane", "elementy wyslane", "odeslane", "odeslana posta", "odoslane", "elkuldott", "trimise", "отправленные",
        "надіслані", "изпратени", "απεσταλμενα", "gonderilmis ogeler", "gonderilmis postalar", "送信済み", "送信済みアイテム",
        "送信済みトレイ", "보낸 편지함", "보낸편지함", "已发送", "已发送邮件", "已傳送", "寄件備份", "العناصر المرسلة", "פריטים שנשלחו",
    ),
    FolderRole.DRAFTS: (
        "drafts", "draft", "entwurfe", "brouillons", "borradores", "rascunhos", "bozze", "concepten", "utkast", "kladder",
        "luonnokset", "wersje robocze", "szkice", "koncepty", "rozepsane", "piszkozatok", "ciorne", "черновики", "чернетки",
        "чернови", "προχειρα", "taslaklar", "下書き", "임시 보관함", "임시보관함", "草稿", "草稿箱", "المسودات", "טיוטות",
    ),
    FolderRole.TRASH: (
        "trash", "deleted items", "deleted messages", "deleted", "bin", "papierkorb", "geloschte elemente", "geloschte objekte",
        "geloscht", "corbeille", "elements supprimes", "poubelle", "papelera", "elementos eliminados", "lixo", "lixeira",
        "itens excluidos", "cestino", "posta eliminata", "elementi eliminati", "prullenbak", "verwijderde items", "papperskorg",
        "papperskorgen", "borttaget", "papirkurv", "slettet post", "slettede elementer", "roskakori", "poistetut", "kosz",
        "elementy usuniete", "kos", "odstranena posta", "torolt elemek", "kuka", "cos de gunoi", "корзина", "удаленные", "кошик",
        "кошче", "καδος", "cop kutusu", "silinmis ogeler", "ゴミ箱", "ごみ箱", "削除済みアイテム", "휴지통", "지운 편지함",
        "已删除", "已删除邮件", "刪除的郵件", "垃圾桶", "المهملات", "العناصر المحذوفة", "אשפה", "פריטים שנמחקו",
    ),
    FolderRole.JUNK: (
        "junk", "spam", "junk e-mail", "junk email", "junk mail", "bulk mail", "spamverdacht", "spam-verdacht", "courrier indesirable",
        "indesirables", "pourriel", "correo no deseado", "no deseado", "lixo eletronico", "lixo electronico", "posta indesiderata",
        "indesiderata", "ongewenste e-mail", "ongewenste reclame", "skrappost", "skraeppost", "uonsket e-post", "uonsket mail",
        "roskaposti", "wiadomosci-smieci", "nevyzadana posta", "levelszemet", "mesaje nedorite", "спам", "нежелательная почта",
        "небажана пошта", "gereksiz", "onemsiz e-posta", "istenmeyen", "迷惑メール", "スパム", "정크 메일", "스팸함", "스팸",
        "垃圾邮件", "垃圾郵件", "البريد غير الهام", "דואר זבל",
    ),
    FolderRole.ARCHIVE: (
        "archive", "archives", "archiv", "archivo", "archivos", "arquivo", "arquivo morto", "archivio", "archief", "arkiv", "arkisto",
        "archiwum", "archivum", "arhiva", "архив", "архів", "αρχειοθηκη", "arsiv", "アーカイブ", "보관함", "归档", "存档", "封存",
        "الأرشيف", "ארכיון",
    ),
}  # fmt: skip


def read_folders(data: Sequence[Any]) -> list[RemoteFolder]:
    """The folders of a LIST. A line that cannot be read costs that folder only."""
    found: dict[str, RemoteFolder] = {}
    for answer in answers(data):
        folder = _folder(answer)
        if folder is not None:
            found.setdefault(folder.path, folder)
    return with_roles(list(found.values()))


def with_roles(folders: Sequence[RemoteFolder]) -> list[RemoteFolder]:
    """Give each special use that the server named no folder for to the one whose name tells it: one folder a role."""
    taken = {folder.role for folder in folders if folder.role is not FolderRole.NONE}
    chosen: dict[str, FolderRole] = {}
    for role, names in _NAMES.items():
        if role in taken:
            continue
        ranked = [
            (names.index(name), folder.path.count(folder.delimiter) if folder.delimiter else 0, folder.path)
            for folder in folders
            if folder.role is FolderRole.NONE and folder.is_selectable and (name := _plain_name(folder)) in names
        ]
        if ranked:
            chosen[min(ranked)[2]] = role
    return [replace(folder, role=chosen[folder.path]) if folder.path in chosen else folder for folder in folders]


def _folder(answer: list[Any]) -> RemoteFolder | None:
    try:
        flags, delimiter, name = parse_response(answer)
        path = decode_utf7(name) if isinstance(name, bytes) else str(name)
        words = {flag.decode("ascii", "replace").lower() for flag in flags}
    except Exception:  # noqa: BLE001 - the parser raises whatever a server provokes
        return None
    if (
        not path
        or len(path) > MAX_PATH_CHARS
        or any(ord(character) < 32 or ord(character) == 127 for character in path)
    ):
        return None
    is_inbox = path.upper() == "INBOX"
    role = (
        FolderRole.INBOX
        if is_inbox
        else next((r for word, r in _SPECIAL_USE.items() if word in words), FolderRole.NONE)
    )
    separator = delimiter.decode("ascii", "replace") if isinstance(delimiter, bytes) else ""
    return RemoteFolder(
        path="INBOX" if is_inbox else path,
        delimiter=separator if len(separator) == 1 else "",
        role=role,
        is_selectable=not words & {"\\noselect", "\\nonexistent"},
    )


def _plain_name(folder: RemoteFolder) -> str:
    name = folder.path.rsplit(folder.delimiter, 1)[-1] if folder.delimiter else folder.path
    split = unicodedata.normalize("NFD", name.strip().casefold())
    return unicodedata.normalize("NFC", "".join(c for c in split if unicodedata.category(c) != "Mn" or ord(c) > 0x036F))
