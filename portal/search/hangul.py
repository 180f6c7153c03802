"""Hangul as it is typed: keys to syllables and back, initial consonants, particles."""

import re
import unicodedata

_ROWS = (
    ("qwertyuiop", "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ"),
    ("asdfghjkl", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ"),
    ("zxcvbnm", "ㅋㅌㅊㅍㅠㅜㅡ"),
)
_KEYS = {key: jamo for keys, row in _ROWS for key, jamo in zip(keys, row, strict=True)}
_SHIFTED = dict(zip("QWERTOP", "ㅃㅉㄸㄲㅆㅒㅖ", strict=True))
_TO_JAMO = {**{key.upper(): jamo for key, jamo in _KEYS.items()}, **_KEYS, **_SHIFTED}
_TO_KEY = {jamo: key for key, jamo in (_KEYS | _SHIFTED).items()}

# In the order of Unicode; compounds as they are typed.
INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = [
    *"ㅏㅐㅑㅒㅓㅔㅕㅖㅗ",
    "ㅗㅏ",
    "ㅗㅐ",
    "ㅗㅣ",
    *"ㅛㅜ",
    "ㅜㅓ",
    "ㅜㅔ",
    "ㅜㅣ",
    *"ㅠㅡ",
    "ㅡㅣ",
    "ㅣ",
]
_FINALS = [
    *("", "ㄱ", "ㄲ", "ㄱㅅ", "ㄴ", "ㄴㅈ", "ㄴㅎ", "ㄷ", "ㄹ", "ㄹㄱ", "ㄹㅁ", "ㄹㅂ", "ㄹㅅ", "ㄹㅌ"),
    *("ㄹㅍ", "ㄹㅎ", "ㅁ", "ㅂ", "ㅂㅅ", *"ㅅㅆㅇㅈㅊㅋㅌㅍㅎ"),
]


def _longest_first(choices: list[str]) -> str:
    return "|".join(sorted(filter(None, choices), key=len, reverse=True))


# A consonant closes a syllable only when no vowel follows; else it opens the next one.
_SYLLABLE = re.compile(
    f"([{INITIALS}])({_longest_first(_VOWELS)})((?:{_longest_first(_FINALS)})(?![ㅏ-ㅣ]))?",
)
_FIRST, _LAST = 0xAC00, 0xD7A3
_PARTICLES = re.compile(
    "(?:에서는|으로는|에게는|에서|으로|에게|까지|부터|보다|처럼|별로|은|는|이|가|을|를|의|에|로|와|과|도|만|별)$"
)


def is_syllable(character: str) -> bool:
    """Say whether it is a whole Hangul syllable (가–힣)."""
    return _FIRST <= ord(character) <= _LAST


def from_keys(word: str) -> str | None:
    """Return the Hangul that these Latin keys type on a 두벌식 keyboard, if it comes out even.

    ``aocnf`` is 매출. None where a jamo is left over, and for a single syllable: too many English words
    would become one.
    """
    jamo = "".join(_TO_JAMO.get(key, "?") for key in word)
    syllables = []
    at = 0
    while at < len(jamo):
        found = _SYLLABLE.match(jamo, at)
        if found is None:
            return None
        first, vowel, last = (
            INITIALS.index(found[1]),
            _VOWELS.index(found[2]),
            _FINALS.index(found[3] or ""),
        )
        syllables.append(chr(_FIRST + (first * 21 + vowel) * 28 + last))
        at = found.end()
    return "".join(syllables) if len(syllables) > 1 else None


def to_keys(word: str) -> str | None:
    """Return the Latin keys behind Hangul that was typed in the wrong mode; None for other characters."""
    keys = []
    for character in word:
        spelt = _spell(character) if is_syllable(character) else character
        if any(jamo not in _TO_KEY for jamo in spelt):
            return None
        keys += [_TO_KEY[jamo] for jamo in spelt]
    return "".join(keys)


def _spell(syllable: str) -> str:
    code = ord(syllable) - _FIRST
    spelt: str = INITIALS[code // 588] + _VOWELS[code % 588 // 28] + _FINALS[code % 28]
    return spelt


def initials(run: str) -> str:
    """Return the initial consonants of a run of syllables: 정시율 → ㅈㅅㅇ."""
    return "".join(INITIALS[(ord(syllable) - _FIRST) // 588] for syllable in run)


def without_particle(run: str) -> str | None:
    """Return the run without its closing particle, if at least two syllables stay: 회원의 → 회원."""
    bare = _PARTICLES.sub("", run)
    return bare if bare != run and len(bare) > 1 else None


def other_spelling(run: str) -> str | None:
    """Return the run with 율 for 률 or the reverse: the commonest slip in names of rates."""
    swapped = {"율": "률", "률": "율"}.get(run[-1:])
    return run[:-1] + swapped if swapped and len(run) > 1 else None


def fold(text: str) -> str:
    """Fold full-width letters and spaces to plain ones and compose the text (NFC)."""
    wide = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
    composed: str = unicodedata.normalize("NFC", text.translate(wide))
    return composed
