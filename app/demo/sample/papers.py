"""The papers that belong to a deal: offer, order, confirmation, invoice, outline, drawings. Their sums are those of the letters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from app.demo.sample.deals import PRICES, Deal
from app.demo.sample.documents import archive, docx, pdf, photo, xlsx
from app.demo.sample.files import DOCX, XLSX
from app.demo.sample.language import Language
from app.demo.sample.letter import Attachment


def deal_papers(kind: str, deal: Deal, when: datetime, languages: Mapping[str, Language]) -> tuple[Attachment, ...]:
    """The files of a letter that carries a paper of that kind; none for an unknown kind."""
    if kind in {"offer", "order", "confirmation", "invoice"}:
        papers = [_sheet(kind, deal, when, languages)]
        if kind == "offer" and deal.number % 3 == 0:
            papers.append(_price_list(deal, languages["en"]))
        return tuple(papers)
    if kind == "photo":
        sky, ground = (180 + deal.number % 40, 190, 200), (110, 116, 120 + deal.number % 30)
        return (Attachment(f"IMG_{2000 + deal.number * 7}.png", "image/png", photo(480, 360, sky, ground)),)
    if kind == "outline":
        return (_outline(languages["en"]),)
    if kind == "drawings":
        return (_drawings(deal),)
    return ()


def _sheet(kind: str, deal: Deal, when: datetime, languages: Mapping[str, Language]) -> Attachment:
    # The fonts of a plain PDF have no Japanese and no Arabic: such customers get English papers.
    language = languages[deal.person.language]
    if not language.paper_words:
        language = languages["en"]
    words = language.paper_words
    number = {"offer": deal.offer_number, "invoice": deal.invoice_number}.get(kind, deal.order_number)
    company = deal.person.company
    # An offer shows list prices: the discount is talked about afterwards.
    discount = 0 if kind == "offer" else deal.discount
    total = deal.list_amount if kind == "offer" else deal.amount
    lines = [
        f"# {words[kind]} {number}",
        "",
        company.name,
        f"{company.street}, {company.postal_code} {company.city}",
        "",
    ]
    lines += [f"{when:%d.%m.%Y}", "", f"{deal.quantity} {language.product(deal.product)}"]
    lines += [f"{words['list']} {language.money(PRICES[deal.product])}          {language.money(deal.list_amount)}"]
    if discount:
        lines.append(f"{words['discount']} {discount} %          {language.money(deal.amount - deal.list_amount)}")
    lines += ["", f"# {words['total']}          {language.money(total)}"]
    if kind == "invoice":
        tax = round(total * float(words["rate"]), 2)
        lines += [
            f"{words['tax']}          {language.money(tax)}",
            f"# {words['gross']}          {language.money(total + tax)}",
        ]
    lines += ["", "Rita Instruments GmbH, Speicherkai 9, 20457 Hamburg"] if kind != "order" else []
    name = f"{words[kind]} {number}.pdf".replace(" ", "_")
    return Attachment(name, "application/pdf", pdf(f"{words[kind]} {number}", lines))


def _price_list(deal: Deal, english: Language) -> Attachment:
    rows: list[list[str | float]] = [["Product", "Quantity", "Price", "Sum"]]
    rows += [
        [english.product(key), deal.quantity if key == deal.product else 0, price, f"=B{row}*C{row}"]
        for row, (key, price) in enumerate(PRICES.items(), 2)
    ]
    rows.append(["Total", "", "", f"=SUM(D2:D{len(PRICES) + 1})"])
    return Attachment(f"Prices_{deal.offer_number}.xlsx", XLSX, xlsx("Prices", rows))


def _outline(english: Language) -> Attachment:
    paragraphs = [
        "# Reading vibration",
        "Half a day for up to eight people, at the machines.",
        "1. What a bearing tells before it fails",
        "2. Trend, spectrum, envelope: which curve for which question",
        f"3. Alarms: set, acknowledge, silence ({english.product('cloud')})",
        "4. On the test rig: find the fault by ear and by curve",
    ]
    return Attachment("Training_outline.docx", DOCX, docx(paragraphs))


def _drawings(deal: Deal) -> Attachment:
    files = {
        "README.txt": f"Drawings for {deal.person.company.name}, as of {deal.started + timedelta(days=3):%d.%m.%Y}\r\n".encode(),
        "layout.pdf": pdf("Layout", [f"# {deal.person.company.name}", "", "Layout of the drives, not to scale"]),
        "points.csv": "".join(f"M{n:02d};drive {n};{1480 + n * 3} rpm\r\n" for n in range(1, 15)).encode(),
    }
    return Attachment(f"drawings_{deal.order_number}.zip", "application/zip", archive(files))
