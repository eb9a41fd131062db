"""The document around a cleaned HTML mail: our own style sheet and nothing that the mail could reach."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

from ui.theme import READING_WIDTH, Tones

SCHEME = "outrigger-mail"
"""Our own URL scheme; each document gets a random host, so that no mail shares an origin with another."""

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; img-src {SCHEME}: data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)

SCROLL_BAR_WIDTH = 12
"""Kept free at the right edge whether the mail is long or not, in device-independent pixels."""

_NO_PICTURE = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

_HAS_DIRECTION = re.compile(r"<[^>]{1,5000}\sdir=", re.IGNORECASE)
_CONTENT_ID_SOURCE = re.compile(r'\bsrc="cid:([^"]{1,1000})"')


def message_page(fragment: str, host: str, chosen: Tones, *, font_family: str, font_px: int, on_card: bool) -> bytes:
    """A whole document for a cleaned fragment. ``on_card``: the mail chose colours, so in dark mode it lies on white."""
    body = _CONTENT_ID_SOURCE.sub(
        lambda match: f'src="{SCHEME}://{host}/cid/{quote(html.unescape(match.group(1)), safe="")}"', fragment
    )
    is_light_card = on_card and chosen.is_dark
    if not _HAS_DIRECTION.search(fragment):
        body = f'<div class="own-direction">{body}</div>'
    return _document(
        f'<div class="card">{body}</div>' if is_light_card else body, chosen, font_family, font_px, is_light_card
    )


def image_page(host: str, part_id: str, name: str, chosen: Tones) -> bytes:
    """A document that shows one image attachment, no larger than the pane."""
    source = f"{SCHEME}://{host}/part/{quote(part_id, safe='')}"
    picture = f'<img class="preview" src="{source}" alt="{html.escape(name, quote=True)}">'
    return _document(picture, chosen, "sans-serif", 13, False)


def _document(body: str, chosen: Tones, font_family: str, font_px: int, is_light_card: bool) -> bytes:
    family = re.sub(r"[^\w \-.]", "", font_family)
    card = "background:#ffffff;color:#1b1f1f;border-radius:8px;padding:16px;" if is_light_card else ""
    link = "#0b625b" if is_light_card else chosen.accent_text
    quote_ink = "inherit" if is_light_card else chosen.muted
    return f"""<!DOCTYPE html><html><head><meta charset="utf-8"><style>
:root {{ color-scheme: {"dark" if chosen.is_dark else "light"}; }}
html {{ background: {chosen.surface}; scrollbar-gutter: stable; }}
body {{ margin: 0; padding: 4px 24px 24px; max-width: {READING_WIDTH}px; background: {chosen.surface}; color: {chosen.text};
  font: {font_px}px/1.5 "{family}", system-ui, sans-serif; overflow-wrap: anywhere; }}
.card {{ {card} color-scheme: light; }}
a {{ color: {link}; }}
img {{ max-width: 100%; }}
img[src] {{ height: auto; }}
img:not([src]) {{ content: url({_NO_PICTURE}); background: rgba(128, 128, 128, 0.12); border-radius: 4px; }}
img.preview {{ display: block; margin: 16px auto; border-radius: 6px; }}
table {{ max-width: 100%; overflow-wrap: normal; font-size: inherit; }}
td, th {{ overflow-wrap: break-word; }}
.own-direction :is(p, div, li, td, th, h1, h2, h3, h4, h5, h6, blockquote, pre, address) {{ unicode-bidi: plaintext; }}
pre {{ white-space: pre-wrap; }}
blockquote {{ margin: 8px 0; padding-left: 12px; border-left: 2px solid {chosen.border_strong}; color: {quote_ink}; }}
p:first-child {{ margin-top: 0; }}
::-webkit-scrollbar {{ width: {SCROLL_BAR_WIDTH}px; height: {SCROLL_BAR_WIDTH}px; }}
::-webkit-scrollbar-thumb {{ background: {chosen.border_strong}; border-radius: 6px; border: 3px solid {chosen.surface}; }}
::-webkit-scrollbar-corner {{ background: {chosen.surface}; }}
</style></head><body>{body}</body></html>""".encode("utf-8", "replace")
