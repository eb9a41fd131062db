"""The files that named letters carry, by the name that the scripts use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from app.demo.sample.documents import archive, docx, logo, pdf, photo, xlsx
from app.demo.sample.letter import Attachment

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
OFFER_PICTURE_SIDE: Final = 1182
"""Side of the picture that makes offer.pdf about 4 MB."""

PLAN_ROWS: Final = 60
BIG_ROW_BYTES: Final = 196
"""What a row of the big plan takes in the file."""


def big_plan(size: int) -> Attachment:
    """A plan.xlsx of about ``size`` bytes, made on demand because it costs time and memory."""
    rows = [
        [f"WO-{n:07d}", f"{n * 2654435761 % 2**64:016x}{n * 40503 % 2**64:016x}", str(n % 97)]
        for n in range(size // BIG_ROW_BYTES)
    ]
    return Attachment("plan.xlsx", XLSX, xlsx("Plan", rows, packed=False))


def _rita_offer(now: datetime) -> Attachment:
    lines = [
        "# Offer 2025-0417",
        "",
        "Acme GmbH, Industriestraße 12, 20539 Hamburg",
        "",
        f"Hamburg, {now - timedelta(days=28):%d.%m.%Y}",
        "",
        "160  VS-200 vibration sensor     at EUR   390.00     EUR 62,400.00",
        "  8  GW-10 gateway               at EUR 1,150.00     EUR  9,200.00",
        "  1  Pulse Cloud, first year     at EUR 9,000.00     EUR  9,000.00",
        "  2  days of commissioning       at EUR 1,800.00     EUR  3,600.00",
        "",
        "# Total, net     EUR 84,200.00",
        "",
        "Valid for six weeks. Lead time four weeks from order.",
    ]
    return Attachment("Offer 2025-0417.pdf", "application/pdf", pdf("Offer 2025-0417", lines))


def _machine_builder_offer(now: datetime) -> Attachment:
    lines = [
        "# Filling machines: offer F-4471",
        "",
        "To Acme GmbH, Industriestraße 12, 20539 Hamburg",
        f"Date {now - timedelta(days=4):%d.%m.%Y}",
        "",
        *(
            f"Position {n}: drive unit of station {n}, prepared for vibration measuring, M8 thread"
            for n in range(1, 25)
        ),
        "",
        "Total EUR 36,900.00 net",
        "The last page shows the line as planned.",
    ]
    content = pdf("Offer F-4471", lines, picture_side=OFFER_PICTURE_SIDE)
    return Attachment("offer.pdf", "application/pdf", content)


def _plan(_now: datetime) -> Attachment:
    tasks = ("Pull cables", "Mount gateways", "Glue mounting pads", "Mount sensors", "Address sensors", "Set limits")
    rows: list[list[str | float]] = [["No.", "Task", "Who", "Hours", "Day"]]
    rows += [
        [n, f"{tasks[n % 6]}, station {n // 6 + 1}", ("Acme", "Rita Instruments")[n % 2], 0.5 + n % 3, 1 + n // 31]
        for n in range(1, PLAN_ROWS + 1)
    ]
    rows.append(["", "Sum", "", f"=SUM(D2:D{PLAN_ROWS + 1})", ""])
    return Attachment("plan.xlsx", XLSX, xlsx("Plan", rows))


def _visit(now: datetime) -> Attachment:
    paragraphs = [
        "# Visit to Acme, line 4",
        f"{now - timedelta(days=18):%d %B %Y}: Karl Klein, Mia Moser, Rita Rep, Jonas Weber",
        "160 measuring points were marked. Four points on the conveyor to the palletiser were added.",
        "Four gateways stand behind a steel door; whether the usual antennas are enough has to be tried.",
        "Commissioning takes two days between Christmas and New Year. Acme's electricians pull the cables before.",
    ]
    return Attachment("Visit line 4.docx", DOCX, docx(paragraphs))


def _photo(_now: datetime) -> Attachment:
    return Attachment("IMG_2231.png", "image/png", photo(800, 600, (196, 200, 204), (120, 116, 110)))


def _gateway_log(now: datetime) -> Attachment:
    nights = [now - timedelta(days=6 + n) for n in range(1, 7)]
    lines = [
        f"{night:%Y-%m-%d} 0{1 + n % 2}:{17 * n % 60:02d}:09 gw10-2b uplink lost, retry in 30 s"
        for n, night in enumerate(nights)
    ]
    return Attachment("gw10-2b.log", "text/plain", "\r\n".join(lines).encode())


def _protocol(now: datetime) -> Attachment:
    lines = [
        "# Acceptance protocol, line 2",
        "",
        "Acme GmbH / Rita Instruments GmbH",
        f"{now - timedelta(days=86):%d.%m.%Y}",
        "",
    ]
    lines += [
        "48 VS-200 and 2 GW-10 have run for thirty days without an open point.",
        "",
        "Signature: ______________________",
    ]
    return Attachment("Protocol line 2.pdf", "application/pdf", pdf("Acceptance protocol", lines))


def _hotel_invoice(_now: datetime) -> Attachment:
    lines = [
        "# Hotel am Kai",
        "",
        "Invoice 20418",
        "",
        "2 nights at EUR 128.00     EUR 256.00",
        "2 breakfasts at EUR 9.60     EUR  19.20",
        "",
        "# Total EUR 275.20",
    ]
    return Attachment("20418.pdf", "application/pdf", pdf("Invoice 20418", lines))


def _stand_plan(_now: datetime) -> Attachment:
    return Attachment("hall-4.png", "image/png", photo(640, 480, (236, 236, 228), (214, 206, 190)))


def _flyer(_now: datetime) -> Attachment:
    lines = [
        "# VS-400",
        "The sensor for hazardous areas",
        "",
        "Measures vibration up to 10 kHz and temperature from -40 to +85 °C.",
        "Battery for five years. ATEX zone 1.",
    ]
    return Attachment("Flyer_VS-400_proof.pdf", "application/pdf", pdf("Flyer VS-400", lines, picture_side=180))


def _commercial_invoice(_now: datetime) -> Attachment:
    lines = [
        "# Commercial invoice",
        "",
        "Lakeside Foods Inc., 1200 Lake Shore Drive, Milwaukee",
        "",
        "40 VS-200, tariff 9031 80 80",
        "2 GW-10, tariff 8517 62 00",
        "Country of origin: Germany",
    ]
    return Attachment("commercial-invoice.pdf", "application/pdf", pdf("Commercial invoice", lines))


def _release_notes(_now: datetime) -> Attachment:
    notes = "GW-10 firmware 3.4.1\r\n\r\n- reconnects after 5 s\r\n- logs the supply voltage\r\n- fixes the clock after a power cut\r\n"
    known = "Known problems\r\n\r\nNone.\r\n"
    return Attachment(
        "gw10-3.4.1.zip", "application/zip", archive({"CHANGES.txt": notes.encode(), "KNOWN.txt": known.encode()})
    )


def _acme_logo(_now: datetime) -> Attachment:
    return Attachment("logo.png", "image/png", logo((20, 92, 122)), "logo@acme.example")


def _newco_logo(_now: datetime) -> Attachment:
    return Attachment("newco.png", "image/png", logo((150, 58, 42)), "logo@newco.example")


FILES: Final[Mapping[str, Callable[[datetime], Attachment]]] = MappingProxyType(
    {
        "acme_logo": _acme_logo,
        "commercial_invoice": _commercial_invoice,
        "flyer": _flyer,
        "gateway_log": _gateway_log,
        "hotel_invoice": _hotel_invoice,
        "machine_builder_offer": _machine_builder_offer,
        "newco_logo": _newco_logo,
        "photo": _photo,
        "plan": _plan,
        "protocol": _protocol,
        "release_notes": _release_notes,
        "rita_offer": _rita_offer,
        "stand_plan": _stand_plan,
        "visit": _visit,
    }
)
