"""Lists within a form: an item more or less, or in another place, without JavaScript."""

from collections.abc import Iterator
from typing import Final

from django.http import QueryDict

MOST_ITEMS: Final = 200


def rearranged(data: QueryDict) -> QueryDict | None:
    """Return what was sent with a list changed as the button says: an item more, one less, or two swapped.

    Buttons are named ``do`` and say «add PATH», «remove PATH INDEX», «up PATH INDEX» or «down PATH INDEX»;
    «look» changes nothing and only shows it again.
    """
    word, _space, rest = data.get("do", "").partition(" ")
    if word not in {"add", "remove", "up", "down", "look"}:
        return None
    path, _space, index = rest.partition(" ")
    changed = data.copy()
    counter = f"{path}:list"
    count, place = number_in(str(data.get(counter, ""))) or 0, number_in(index)
    if word == "add":
        changed[counter] = str(min(count + 1, MOST_ITEMS))
    elif place is None or place >= count:
        return changed
    elif word == "up" and place > 0:
        _swap(changed, data, path, place - 1, place)
    elif word == "down" and place + 1 < count:
        _swap(changed, data, path, place, place + 1)
    elif word == "remove":
        changed[counter] = str(count - 1)
        for name in data:
            _move(changed, data, name, path, place)
    return changed


def number_in(text: str) -> int | None:
    """Return the number that a form says; None for what is none, or beyond any list."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _swap(changed: QueryDict, data: QueryDict, path: str, first: int, second: int) -> None:
    """Give what stands at one number the other one, and the other way round."""
    heads = {f"{path}.{first}": f"{path}.{second}", f"{path}.{second}": f"{path}.{first}"}
    for name in data:
        for head, other in heads.items():
            end = name.removeprefix(head)
            if end != name and not end[:1].isdigit():
                if f"{other}{end}" not in data:
                    del changed[name]
                changed.setlist(f"{other}{end}", data.getlist(name))


def _move(changed: QueryDict, data: QueryDict, name: str, path: str, gone: int) -> None:
    """Give what stands behind the gone item the number before."""
    head = f"{path}."
    rest = name.removeprefix(head) if name.startswith(head) else ""
    digits = "".join(_digits(rest))
    number = number_in(digits)
    if number is None or number < gone or name not in changed:
        return
    follower = f"{head}{number + 1}{rest.removeprefix(digits)}"
    if follower in data:
        changed.setlist(name, data.getlist(follower))
    else:
        del changed[name]


def _digits(text: str) -> Iterator[str]:
    for letter in text:
        if not letter.isascii() or not letter.isdigit():
            return
        yield letter
