"""HTML of a mail made harmless: nothing in the result can load, run, submit or cover anything.

One MIME part is one document: never join parts before cleaning. Steps: styles inlined (no style sheet survives, so no
``@import``, ``@font-face``, ``@media`` or selector that reads content), tags and attributes by allow-list, each CSS
declaration by itself (a whole ``style`` is not lost for one ``url()``), links made absolute or dropped. Remote images
lose their address and are counted. Runs in a worker process: its input is hostile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from urllib.parse import urlsplit

import css_inline
import nh3
import tinycss2

MAX_HTML_CHARS = 4_000_000
"""Above this a mail is shown as text: no person reads it, and no cleaner should have to."""

MAX_TAGS = 60_000
"""The same for markup: the cleaner's time grows faster than the number of nested tags."""

_TAGS = frozenset(
    "a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del "
    "details dfn dir div dl dt em "
    "figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q rp rt ruby s"
    " samp section small span "
    "strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var wbr".split()
)
_DROPPED_WITH_CONTENT = {
    "script",
    "style",
    "title",
    "template",
    "noscript",
    "svg",
    "math",
    "object",
    "select",
    "textarea",
    "iframe",
    "noframes",
}
_ATTRIBUTES = {
    "*": {"style", "align", "valign", "dir", "lang", "title", "width", "height", "bgcolor", "class"} - {"class"},
    "a": {"href", "name"},
    "img": {"src", "srcset", "alt", "border", "hspace", "vspace"},
    "table": {"border", "cellpadding", "cellspacing", "rules", "summary", "background"},
    "td": {"colspan", "rowspan", "nowrap", "background"},
    "th": {"colspan", "rowspan", "nowrap", "scope", "background"},
    "tr": {"background"},
    "font": {"color", "face", "size"},
    "ol": {"start", "type", "reversed"},
    "ul": {"type"},
    "li": {"value", "type"},
    "col": {"span"},
    "colgroup": {"span"},
    "blockquote": {"cite", "type"} - {"cite"},
    "details": {"open"},
    "hr": {"size", "noshade", "color"},
    "bdo": {"dir"},
}
_IMAGE_DATA = re.compile(r"data:image/(?:png|jpe?g|gif|webp|bmp);base64,[A-Za-z0-9+/=\s]+\Z", re.IGNORECASE)
_CONTENT_ID = re.compile(r"cid:[^\s\"'<>\\]{1,500}\Z", re.IGNORECASE)
_LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
# Chromium and every mail client drop these from a URL before they read its scheme.
_INVISIBLE = re.compile(r"[\x00-\x20\x7f-\xa0\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]")

_PROPERTIES = frozenset(
    "background background-color border-collapse border-spacing box-sizing caption-side clear color direction display"
    " empty-cells float font "
    "font-family font-size font-stretch font-style font-variant font-weight height letter-spacing line-height "
    "list-style list-style-position "
    "list-style-type max-height max-width min-height min-width opacity orphans overflow-wrap page-break-after "
    "page-break-before "
    "page-break-inside quotes table-layout text-align text-decoration text-decoration-color text-decoration-line "
    "text-decoration-style "
    "text-indent text-overflow text-transform unicode-bidi vertical-align visibility white-space widows width "
    "word-break word-spacing word-wrap "
    "overflow overflow-x overflow-y align-items justify-content flex flex-basis flex-direction flex-flow "
    "flex-grow flex-shrink flex-wrap gap".split()
)
_PROPERTY_FAMILIES = ("border-", "margin-", "padding-", "border", "margin", "padding", "outline")
_BAD_FUNCTIONS = frozenset(
    {
        "url",
        "image",
        "image-set",
        "-webkit-image-set",
        "src",
        "expression",
        "element",
        "cross-fade",
        "attr",
        "var",
        "env",
        "paint",
    }
)
_COLOUR_PROPERTIES = ("color", "background", "background-color")
_MAX_DECLARATIONS = 200


@dataclass(frozen=True, slots=True)
class CleanHtml:
    """A fragment for the reader's own page.

    ``remote_images`` counts distinct addresses that were removed; ``content_ids`` are the ``cid:`` images
    it shows, without brackets. ``sets_colours`` tells whether the mail chose colours of its own (it then stays on a
    white card in dark mode).
    """

    html: str
    remote_images: int
    content_ids: tuple[str, ...]
    sets_colours: bool


@dataclass(slots=True)
class _Findings:
    remote: set[str] = field(default_factory=set)
    content_ids: dict[str, None] = field(default_factory=dict)
    sets_colours: bool = False


def clean_html(document: str) -> CleanHtml:
    """Make one HTML part harmless. Never raises for bad markup; ValueError when it is longer than `MAX_HTML_CHARS`."""
    if len(document) > MAX_HTML_CHARS or document.count("<") > MAX_TAGS:
        raise ValueError("the HTML part is too large to be shown")
    inlined = _inline_styles(document.replace("\x00", ""))
    findings = _Findings()
    body_style = _body_style(inlined, findings)
    cleaned = nh3.clean(
        inlined,
        tags=set(_TAGS),
        clean_content_tags=_DROPPED_WITH_CONTENT,
        attributes={tag: set(names) for tag, names in _ATTRIBUTES.items()},
        attribute_filter=lambda _tag, name, value: _filter_attribute(name, value, findings),
        strip_comments=True,
        link_rel="noopener noreferrer nofollow",
        url_schemes={*_LINK_SCHEMES, "cid", "data"},
    )
    if body_style:
        cleaned = f'<div style="{escape(body_style)}">{cleaned}</div>'
    return CleanHtml(cleaned, len(findings.remote), tuple(findings.content_ids), findings.sets_colours)


def safe_link(target: str) -> str:
    """A link's target made absolute and visible: "" for anything but http, https, mailto and tel.

    ``mailto:`` keeps only recipients and subject.
    """
    compact = (
        _INVISIBLE.sub("", target) if not target.lower().lstrip().startswith(("mailto:", "tel:")) else target.strip()
    )
    scheme, separator, rest = compact.partition(":")
    if not separator or scheme.lower() not in _LINK_SCHEMES:
        return ""
    try:
        parts = urlsplit(compact)
        has_host = bool(parts.hostname)
    except ValueError:
        return ""
    if scheme.lower() in {"http", "https"}:
        return compact if has_host and rest.startswith("//") else ""
    return compact if rest and not re.search(r"[\r\n\x00]|%0[ad]", rest, re.IGNORECASE) else ""


def clean_style(style: str) -> str:
    """The declarations of a ``style`` attribute that can only change looks within the mail's own card."""
    return _clean_style(style, _Findings())


def _inline_styles(document: str) -> str:
    if "<style" not in document.lower():
        return document
    try:
        inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False, keep_link_tags=False)
        return str(inliner.inline(document))
    except (css_inline.InlineError, ValueError):
        # Unreadable styles are dropped by the cleaner; the mail is shown without them.
        return document


def _filter_attribute(name: str, value: str, findings: _Findings) -> str | None:
    if name == "style":
        return _clean_style(value, findings) or None
    if name == "href":
        return safe_link(value) or None
    if name == "src":
        return _image_source(value, findings)
    if name in {"srcset", "background"}:
        _count_remote(value, findings)
        return None
    if name in {"bgcolor", "color"}:
        findings.sets_colours = True
        return value if re.fullmatch(r"#?[A-Za-z0-9]{1,30}", value.strip()) else None
    if name in {"width", "height"}:
        return value if re.fullmatch(r"\s*\d{1,5}(?:\.\d+)?\s*(?:%|px)?\s*", value) else None
    return value


def _image_source(value: str, findings: _Findings) -> str | None:
    compact = _INVISIBLE.sub("", value)
    if _CONTENT_ID.match(compact):
        content_id = compact[4:]
        findings.content_ids[content_id] = None
        return f"cid:{content_id}"
    if _IMAGE_DATA.match(compact):
        return compact
    _count_remote(value, findings)
    return None


def _count_remote(value: str, findings: _Findings) -> None:
    for match in re.findall(r"(?:https?:)?//[^\s,\"')]+", value, re.IGNORECASE):
        findings.remote.add(match)


def _clean_style(style: str, findings: _Findings) -> str:
    kept: list[str] = []
    for node in tinycss2.parse_declaration_list(style, skip_comments=True, skip_whitespace=True)[:_MAX_DECLARATIONS]:
        if node.type != "declaration":
            continue
        name = node.lower_name
        if name not in _PROPERTIES and not name.startswith(_PROPERTY_FAMILIES):
            continue
        tokens = _without_loads(node.value, findings) if name == "background" else node.value
        if _loads_something(tokens, findings) or not _has_value(tokens):
            continue
        text = tinycss2.serialize(tokens).strip()
        if re.search(r"[<>\\]|javascript", text, re.IGNORECASE) or (name == "display" and text.lower().startswith("-")):
            continue
        if name in _COLOUR_PROPERTIES and text.lower() not in {
            "inherit",
            "transparent",
            "none",
            "initial",
            "unset",
            "currentcolor",
        }:
            findings.sets_colours = True
        kept.append(f"{name}:{text}{' !important' if node.important else ''}")
    return ";".join(kept)


def _without_loads(tokens: list[tinycss2.ast.Node], findings: _Findings) -> list[tinycss2.ast.Node]:
    # "background: #fff url(…) no-repeat" keeps its colour.
    kept = []
    for token in tokens:
        if _loads_something([token], findings):
            continue
        kept.append(token)
    return (
        kept
        if len(kept) == len(tokens)
        else [t for t in kept if t.type in {"hash", "ident", "function", "whitespace"} and _is_colour(t)]
    )


def _is_colour(token: tinycss2.ast.Node) -> bool:
    if token.type == "ident":
        return token.lower_value not in {
            "no-repeat",
            "repeat",
            "repeat-x",
            "repeat-y",
            "center",
            "left",
            "right",
            "top",
            "bottom",
            "cover",
            "fixed",
            "scroll",
        }
    return token.type != "function" or token.lower_name in {"rgb", "rgba", "hsl", "hsla"}


def _loads_something(tokens: list[tinycss2.ast.Node], findings: _Findings) -> bool:
    found = False
    for token in tokens:
        if token.type == "url":
            _count_remote(token.value, findings)
            found = True
        elif token.type == "function":
            if token.lower_name in _BAD_FUNCTIONS:
                _count_remote(tinycss2.serialize(token.arguments), findings)
                found = True
            elif _loads_something(token.arguments, findings):
                found = True
        elif token.type == "error":
            found = True
        elif token.type in {"() block", "[] block", "{} block"}:
            found = _loads_something(token.content, findings) or found
    return found


def _has_value(tokens: list[tinycss2.ast.Node]) -> bool:
    return any(token.type not in {"whitespace", "comment"} for token in tokens)


class _BodyTag(HTMLParser):
    """Finds the attributes of the first ``<body>``; the cleaner keeps fragments only and would lose the mail's own background."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.attributes: dict[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body" and self.attributes is None:
            self.attributes = {name: value or "" for name, value in attrs}


def _body_style(document: str, findings: _Findings) -> str:
    match = re.search(r"<body\b[^>]{0,5000}>", document, re.IGNORECASE)
    if match is None:
        return ""
    parser = _BodyTag()
    parser.feed(match.group(0))
    attributes = parser.attributes or {}
    declarations = []
    for attribute, css_name in (("bgcolor", "background-color"), ("text", "color")):
        if re.fullmatch(r"#?[A-Za-z0-9]{1,30}", attributes.get(attribute, "").strip()):
            declarations.append(f"{css_name}:{attributes[attribute].strip()}")
    if "background" in attributes:
        _count_remote(attributes["background"], findings)
    # The card gives the room: the mail's own margin of the page would double it.
    own = ";".join(
        d
        for d in _clean_style(attributes.get("style", ""), findings).split(";")
        if d and not d.startswith(("margin", "width", "height", "min-"))
    )
    return _clean_style(";".join([*declarations, own]), findings)
