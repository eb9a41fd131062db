"""Mails generated with a fixed seed: median about 8 kB, some with attachments, some not in English, in threads. All written here."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

FIRST = datetime(2024, 1, 1, 8, 0, tzinfo=UTC)
_SYLLABLES = "ba ke li mo nu ra se ti vo za dri fen gol har jun kel lor mid nov pra qui ros sta tor und vel wer xan yor zim".split()
_OTHER = (
    "Größe",
    "Straße",
    "façade",
    "señor",
    "naïve",
    "œuvre",
    "Żółw",
    "見積書",
    "会議",
    "встреча",
    "договор",
    "تقرير",
)


def mails(count: int, seed: int = 11) -> Iterator[tuple[datetime, bytes]]:
    """Arrival and bytes of each mail, oldest first."""
    seeded = random.Random(seed)
    words = ["".join(seeded.choices(_SYLLABLES, k=seeded.randint(1, 4))) for _ in range(20_000)]
    weights = [1 / (rank + 10) for rank in range(len(words))]
    for number in range(count):
        when = FIRST + timedelta(minutes=7 * number)
        yield when, _mail(number, when, seeded, words, weights)


def _mail(number: int, when: datetime, seeded: random.Random, words: list[str], weights: list[float]) -> bytes:
    def text(size: int) -> str:
        chosen = seeded.choices(words, weights, k=size)
        if seeded.random() < 0.3:
            chosen[seeded.randrange(size)] = seeded.choice(_OTHER)
        return "\r\n".join(" ".join(chosen[at : at + 12]) for at in range(0, size, 12))

    body = text(max(20, int(seeded.lognormvariate(5.6, 0.6))))
    html = (
        "<html><body><table>"
        + "".join(f"<tr><td>{line}</td></tr>" for line in body.split("\r\n"))
        + "</table></body></html>"
    )
    parts = [
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}\r\n",
        f"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{html}\r\n",
    ]
    if seeded.random() < 0.12:
        packed = (
            base64.encodebytes(seeded.randbytes(int(seeded.lognormvariate(10, 0.8)))).decode().replace("\n", "\r\n")
        )
        parts.append(
            f'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="report {number}.pdf"\r\n'
            f"Content-Transfer-Encoding: base64\r\n\r\n{packed}"
        )
    parent = number - seeded.randint(1, 6) if number > 6 and seeded.random() < 0.6 else -1
    thread = f"In-Reply-To: <{parent}@bench.example>\r\nReferences: <{parent}@bench.example>\r\n" if parent >= 0 else ""
    received = "".join(
        f"Received: from relay{hop}.example by mx.example with ESMTPS id {number}{hop}; x\r\n" for hop in range(4)
    )
    head = (
        f"{received}From: {words[number % 300].title()} <{words[number % 300]}@company{number % 90}.example>\r\n"
        f"To: Rita Rep <rita@rita.example>\r\nSubject: {text(6)}\r\nDate: {format_datetime(when)}\r\n"
        f"Message-ID: <{number}@bench.example>\r\n{thread}MIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="cut"\r\n\r\n'
    )
    return (head + "".join(f"--cut\r\n{part}" for part in parts) + "--cut--\r\n").encode()
