"""Our own pages as HTML: without scripts, readable by every browser and aloud. Whatever stands in them is escaped."""

import base64
import hashlib
from collections.abc import Iterable
from html import escape

from services.messaging.domain.words import Words

STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}"
    "h1{font-size:1.6rem}h2{font-size:1.2rem;margin:0}"
    "button{font:inherit;padding:.7rem 1.3rem;border:0;border-radius:.4rem;background:#06603a;color:#fff;cursor:pointer}"
    "button.quiet{background:#fff;color:#222;border:1px solid #767676}"
    "form{margin:1.5rem 0}fieldset{border:0;margin:0 0 2rem;padding:0;min-width:0}legend{padding:0}"
    "fieldset fieldset{border:1px solid #767676;border-radius:.4rem;margin:1rem 0;padding:.3rem 1rem 1rem}"
    "label{display:block;padding:.35rem 0}.row label{display:inline-block;margin-right:1rem}"
    "input,select{font:inherit}select{padding:.3rem}input[type=checkbox]{width:1.25rem;height:1.25rem;margin:0 .6rem 0 0;vertical-align:-.2rem}"
    "input[type=time]{padding:.3rem;min-width:7rem}"
    ".all{border:1px solid #767676;border-radius:.4rem;padding:1rem}"
    ".all form,.all p{margin:.6rem 0 0}"
    ".notice{border-left:.4rem solid #06603a;padding:.5rem 1rem;background:#eef6f1}.hint{color:#555;margin:.3rem 0}span.hint{display:block}"
)
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
}


def document(words: Words, title: str, *content: str) -> str:
    """A whole page in this language."""
    return (
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>{''.join(content)}</main></body></html>"
    )


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def hint(text: str) -> str:
    return f'<p class="hint">{escape(text)}</p>'


def notice(text: str) -> str:
    """What became of what was asked for; read aloud at once."""
    return f'<p class="notice" role="status">{escape(text)}</p>'


def link(text: str, url: str) -> str:
    return f'<p><a href="{escape(url)}">{escape(text)}</a></p>'


def form(action: str, *content: str) -> str:
    return f'<form method="post" action="{escape(action)}">{"".join(content)}</form>'


def hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'


def button(text: str, choice: str = "", *, quiet: bool = False) -> str:
    """`choice`: what the form says if it is sent by this one."""
    named = f' name="choice" value="{choice}"' if choice else ""
    shade = ' class="quiet"' if quiet else ""
    return f'<button type="submit"{named}{shade}>{escape(text)}</button>'


def fieldset(heading: str, content: Iterable[str]) -> str:
    return f"<fieldset><legend><h2>{escape(heading)}</h2></legend>{''.join(content)}</fieldset>"


def checkbox(name: str, value: str, text: str, *, checked: bool, disabled: bool = False, why: str = "") -> str:
    """`why`: what there is to say about its state; part of the label, so that it is read aloud with it."""
    state = (" checked" if checked else "") + (" disabled" if disabled else "")
    more = f'<span class="hint">{escape(why)}</span>' if why else ""
    return f'<label><input type="checkbox" name="{name}" value="{escape(value)}"{state}>{escape(text)}{more}</label>'


def select(
    name: str, text: str, options: Iterable[tuple[str, str]], *, chosen: str, languages: Iterable[str] = ()
) -> str:
    """One of these, each with its text. `languages`: those that are languages, and said in their own."""
    spoken = set(languages)
    shown = "".join(
        f'<option value="{escape(value)}"{f" lang={value}" if value in spoken else ""}'
        f"{' selected' if value == chosen else ''}>{escape(option)}</option>"
        for value, option in options
    )
    return f'<label>{escape(text)} <select name="{name}">{shown}</select></label>'


def time_field(name: str, text: str, value: str) -> str:
    return f'<label>{escape(text)} <input type="time" name="{name}" value="{escape(value)}"></label>'
