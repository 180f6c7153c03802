"""The translations tool: it finds every text, keeps what is translated, and notices what is wrong."""

import os
from gettext import GNUTranslations
from pathlib import Path

import django
import pytest
from babel.messages.catalog import Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import write_po
from django import forms
from django.utils.translation import override

from portal.ui import translations
from portal.ui.told_by_django import TOLD


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small house with texts in code and in a template."""
    (tmp_path / "portal" / "templates").mkdir(parents=True)
    (tmp_path / "portal" / "words.py").write_text(
        "def f(n):\n    return _('Save'), ngettext('%(n)s run', '%(n)s runs', n), pgettext('verb', 'Run')\n"
    )
    (tmp_path / "portal" / "templates" / "a.html").write_text(
        "<div>\n    {% if x %}\n        <b>{% translate 'Stop' %}</b>\n    {% endif %}\n"
        "  {% blocktranslate count n=n trimmed %}\n   {{ n }} point\n {% plural %}\n  {{ n }} points\n"
        "{% endblocktranslate %}\n<i title=\"{{ _('Hint') }}\">50%</i></div>\n"
    )
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    monkeypatch.setattr(translations, "SOURCES", ("portal",))
    monkeypatch.setattr(translations, "DESCRIBED", (f"{__name__}.described",))
    monkeypatch.setattr(translations, "LOCALE", tmp_path / "locale")
    return tmp_path


def described() -> list[str]:
    return ["Read a run.", ""]


def keep(**texts: str | tuple[str, ...]) -> None:
    catalog = translations.update()
    for message in catalog:
        name = message.id[0] if isinstance(message.id, tuple) else message.id
        if name in texts:
            message.string = texts[name]
    with translations.catalog_path().open("wb") as file:
        write_po(file, catalog)


KOREAN: dict[str, str | tuple[str, ...]] = {
    "Save": "저장",
    "Stop": "중지",
    "Hint": "도움말",
    "Read a run.": "실행을 읽어요.",
    "Run": "실행",
    "%(n)s run": ("실행 %(n)s건",),
    "%(n)s point": ("점 %(n)s개",),
}


def test_texts_of_code_and_templates_are_found(tree: Path) -> None:
    found = {(message.context, message.id) for message in translations.extract() if message.id}
    assert found == {
        (None, "Save"),
        (None, "Stop"),
        (None, "Hint"),
        (None, "Read a run."),
        ("verb", "Run"),
        (None, ("%(n)s run", "%(n)s runs")),
        (None, ("%(n)s point", "%(n)s points")),
    }


def test_a_complete_catalog_has_no_problems(tree: Path) -> None:
    keep(**KOREAN)
    assert translations.problems() == []


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("Save", "", "missing: 'Save'"),
        ("Save", "Save", "not Korean: 'Save'"),
        ("Save", "%(n)s 저장", "other placeholders: 'Save'"),
        ("%(n)s run", ("실행",), "other placeholders: '%(n)s run'"),
    ],
)
def test_what_is_wrong_is_named(tree: Path, name: str, text: str | tuple[str, ...], problem: str) -> None:
    keep(**(KOREAN | {name: text}))
    assert [found for found in translations.problems() if found.startswith(problem)]


def test_a_new_text_is_missing_and_an_old_one_left_over(tree: Path) -> None:
    keep(**KOREAN)
    (tree / "portal" / "words.py").write_text("_('Open')\n")
    found = translations.problems()
    assert "missing: 'Open' (portal/words.py)" in found
    assert "left over: 'Save'" in found


def test_an_update_keeps_translations_and_drops_what_is_left_over(tree: Path) -> None:
    keep(**KOREAN)
    (tree / "portal" / "words.py").write_text("_('Save'), _('Saved')\n")
    catalog = translations.update()
    kept = catalog.get("Save")
    assert kept is not None
    assert kept.string == "저장"
    guessed = catalog.get("Saved")
    assert guessed is not None
    assert not guessed.string
    assert catalog.get("Run", "verb") is None
    assert not catalog.obsolete


def test_an_update_without_news_leaves_the_file_as_it_was(tree: Path) -> None:
    keep(**KOREAN)
    translations.update()
    before = (
        translations.catalog_path().read_bytes().replace(b"POT-Creation-Date: 20", b"POT-Creation-Date: 19")
    )
    translations.catalog_path().write_bytes(before)
    translations.update()
    assert translations.catalog_path().read_bytes() == before


def test_a_fuzzy_text_counts_as_missing() -> None:
    assert translations._judge(Message("Save", "저장", flags=["fuzzy"])) == ["fuzzy: 'Save'"]


def test_names_and_units_need_no_hangul() -> None:
    assert translations._judge(Message("SQL", "SQL")) == []
    assert translations._judge(Message("%(n)s kB", "%(n)s kB")) == []


def test_a_catalog_is_compiled_once_for_each_change(tree: Path) -> None:
    keep(**KOREAN)
    assert translations.compile_catalogs() == 1
    assert translations.compile_catalogs() == 0
    path = translations.catalog_path()
    newer = path.with_suffix(".mo").stat().st_mtime_ns + 1_000_000
    os.utime(path, ns=(newer, newer))
    assert translations.compile_catalogs() == 1


def test_django_reads_what_babel_compiles(tree: Path) -> None:
    keep(**KOREAN)
    translations.compile_catalogs()
    with translations.catalog_path().with_suffix(".mo").open("rb") as file:
        korean = GNUTranslations(file)
    assert korean.gettext("Save") == "저장"
    assert korean.ngettext("%(n)s run", "%(n)s runs", 7) % {"n": 7} == "실행 7건"
    assert korean.pgettext("verb", "Run") == "실행"


def test_what_django_says_in_forms_is_said_as_we_say_it() -> None:
    class Asked(forms.Form):
        name = forms.CharField()
        count = forms.IntegerField(max_value=3)
        key = forms.CharField(max_length=2)

    with override("ko"):
        told = [error for errors in Asked({"count": "7", "key": "abcd"}).errors.values() for error in errors]
    assert told == ["꼭 입력해 주세요.", "3 이하여야 해요.", "2자 이하로 적어 주세요(지금 4자)."]


def test_django_still_says_what_we_say_anew() -> None:
    path = Path(django.__file__).parent / "conf" / "locale" / "ko" / "LC_MESSAGES" / "django.mo"
    with path.open("rb") as file:
        theirs = {message.id if isinstance(message.id, str) else message.id[0] for message in read_mo(file)}
    assert {text for text in TOLD if isinstance(text, str)} <= theirs
