"""What strangers say, in letters that can be kept."""


def plain(text: str) -> str:
    """Without what no database takes: null characters, and bytes of another encoding, as mail servers' answers have them."""
    return "".join(one if one.isprintable() or one in "\t\n" else "\N{REPLACEMENT CHARACTER}" for one in text)
