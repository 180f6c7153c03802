"""Say on the terminal what happens: one short line for each step, with its seconds."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(line: str = "") -> None:
    """Print one line at once, also into a pipe or a file."""
    print(line, flush=True)


def complain(sentence: str) -> None:
    """Print one sentence that says what is wrong to standard error."""
    print(f"data-desk: {sentence}", file=sys.stderr, flush=True)


class Step:
    """A step that is going on; `note` replaces the word that ends its line."""

    def __init__(self) -> None:
        self.note = "done"


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Print the title, let the block work, and end the line with what came of it and how long it took."""
    started = time.monotonic()
    print(f"  {title} … ", end="", flush=True)
    current = Step()
    try:
        yield current
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{current.note} ({time.monotonic() - started:.1f} s)", flush=True)
