"""What Django sends to the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext


@contextmanager
def sent_words() -> Iterator[list[str]]:
    """Collect the first word of each statement that is sent meanwhile, alone or behind another one."""
    words: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield words
    texts = [text for each in captured.captured_queries for text in each["sql"].split("; ")]
    words += [text.split(maxsplit=1)[0] for text in texts]
