"""What a text names: things of the portal (``REQ-2043``, ``#12``) that its reader may see."""

from collections.abc import Iterable

from portal.accounts.models import User
from portal.events import Reference, nodes
from portal.ui import markdown

# A page resolves at most so many; the others stay words.
MOST = 200


def links(texts: Iterable[str], reader: User) -> dict[str, str]:
    """Return the addresses of all references in these texts, in one batch a kind, as far as one may see."""
    written = dict.fromkeys(found for text in texts for found in markdown.references(text))
    wanted = {word: _reference(word) for word in list(written)[:MOST]}
    known = nodes.resolve(wanted.values(), reader) if wanted else {}
    return {word: known[about].url for word, about in wanted.items() if about in known and known[about].url}


def _reference(word: str) -> Reference:
    if word.startswith("#"):
        return "run_number", word[1:]
    return "question", word.removeprefix("REQ-")
