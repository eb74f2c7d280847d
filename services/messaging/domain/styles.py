"""Styles of an HTML e-mail, written into its tags, where mail programs look that know no style sheets."""

import re

from css_inline import CSSInliner, InlineError

MOST_TAGS = 4000
"""Larger mail is cut short by its readers' programs; and the library has no limit of its own on how deep tags may be nested."""
MOST_WORK = 2_000_000
"""Selectors times tags, each of which is tried on each."""

_TAG = re.compile(r"<[a-zA-Z]")
_STYLE = re.compile(r"<style\b[^>]*>(.*?)(?:</style|\Z)", re.IGNORECASE | re.DOTALL)
_FOR_MEDIA = re.compile(r"<style(?=\s[^>]*\bmedia\s*=)(?!\s[^>]*\bmedia\s*=\s*[\"']?\s*all\s*[\"'\s>])", re.IGNORECASE)
_IGNORED = ' data-css-inline="ignore"'
_MARKED = re.compile(r"(<style\b[^>]*)" + _IGNORED)
_EMPTY = re.compile(r"<style(?: [\w-]+=\"[^\"<>]*\")*></style>")
_INLINER = CSSInliner(
    load_remote_stylesheets=False,  # neither from the network nor from files; their links stay
    keep_link_tags=True,
    keep_style_tags=True,
    remove_inlined_selectors=True,  # what can't be written into a tag stays: media queries, `:hover`
)


def inline_styles(html: str) -> str:
    """The same, with its style sheets in its tags as far as that can be. Beyond the limits it stays as it is: it is a help only."""
    styles = "".join(_STYLE.findall(html))
    tags = len(_TAG.findall(html))
    if not styles or tags > MOST_TAGS or tags * (styles.count("{") + styles.count(",")) > MOST_WORK:
        return html
    try:
        inlined = _INLINER.inline(_FOR_MEDIA.sub(rf"\g<0>{_IGNORED}", html))
    except InlineError:
        return html
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":  # what the library did not foresee is no Exception
            raise
        return html
    return _EMPTY.sub("", _MARKED.sub(r"\1", inlined))
