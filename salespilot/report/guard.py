"""The guard between what a notebook displays and the printed page: an allow-list of HTML, nothing that runs or asks.

The page escapes what it writes; a consultant's own cell may not. Whatever passes here has no script, no form, no
frame, no inline SVG, and no address but links to https, http and mail, and pictures that are in the file itself.
"""

from __future__ import annotations

import re

import nh3

from salespilot.markup import UNPRINTABLE

_TAGS = """
a abbr article aside b bdi blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption
figure h1 h2 h3 h4 h5 h6 header hr i img ins kbd li mark ol p pre q s samp section small span strong sub summary sup
table tbody td tfoot th thead tr u ul var
"""
_STYLES = """
background background-color border border-bottom border-collapse border-left border-right border-top color font-family
font-size font-style font-weight height line-height margin margin-bottom margin-left margin-right margin-top max-width
min-width padding padding-bottom padding-left padding-right padding-top text-align text-decoration vertical-align
white-space width
"""
ATTRIBUTES = {
    "*": {"class", "dir", "id", "lang", "style", "title"},
    "a": {"href"},
    "img": {"alt", "height", "src", "width"},
    "td": {"colspan", "headers", "rowspan"},
    "th": {"colspan", "headers", "rowspan", "scope"},
    "col": {"span"},
    "colgroup": {"span"},
}
PICTURE = re.compile(r"data:image/(?:png|jpeg|gif|svg\+xml)[;,]", re.IGNORECASE)
LINK = re.compile(r"(?:https?|mailto):|#", re.IGNORECASE)
SOURCELESS = re.compile(r"<img(?![^>]*\bsrc=)[^>]*>")
WORDLESS = re.compile(r"<img(?![^>]*\balt=)")
STYLER_ID = re.compile(r"T_[\w-]+")
# What pandas' Styler puts before its table: rules whose every selector is one of the table's own ids.
STYLER = re.compile(r'\s*<style type="text/css">\s*(?P<rules>[^<]*)</style>')
STYLER_RULES = re.compile(r"(?:\s*#T_[\w-]+[^,{}@\\]*(?:,\s*#T_[\w-]+[^,{}@\\]*)*\{[^{}@\\]*\})*\s*")


def guard(html: str) -> str:
    """The HTML without anything that could run, ask another machine or reach outside its place on the page."""
    found = STYLER.match(html)
    rules = found.group("rules") if found else ""
    kept = f"<style>{rules}</style>" if rules and _is_harmless(rules) else ""
    cleaned = nh3.clean(
        UNPRINTABLE.sub("", html),
        tags=set(_TAGS.split()),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        attribute_filter=_attribute,
        generic_attribute_prefixes={"data-"},
        filter_style_properties=set(_STYLES.split()),
        url_schemes={"data", "http", "https", "mailto"},
        link_rel="noopener noreferrer",
        strip_comments=True,
    )
    # A picture without words is mere decoration; nbconvert would say so in English.
    return kept + WORDLESS.sub('<img alt=""', SOURCELESS.sub("", cleaned))


def _is_harmless(rules: str) -> bool:
    is_own = STYLER_RULES.fullmatch(rules) is not None
    return is_own and not re.search(
        r"url\s*\(|image-set|expression|position\s*:|z-index|content\s*:", rules, re.IGNORECASE
    )


def _attribute(_tag: str, name: str, value: str) -> str | None:
    if name == "src":
        return value if PICTURE.match(value) else None
    if name == "href":
        return value if LINK.match(value) else None
    if name == "id":
        return value if STYLER_ID.fullmatch(value) else None
    if name == "style" and re.search(r"url\s*\(|image-set|\\", value, re.IGNORECASE):
        return None
    if name == "class":
        # The template's own classes belong to the page's pieces, which are checked word by word.
        return value if re.fullmatch(r"[\w\s-]*", value) else None
    return value
