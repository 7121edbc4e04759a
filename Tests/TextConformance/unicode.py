#!/usr/bin/env python3
"""Asks Hugging Face's tokenizers what it holds every code point for, and writes the tables of it.

    unicode.py swift FOLDER     the Swift files of the tables
    unicode.py bytes FILE       one byte for each code point, and what NFC and NFD make of it, for `textcheck unicode`

Its parts come from several libraries that know different versions of Unicode, so each property is asked of the part that uses it.
"""
import pathlib
import struct
import sys
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

CODES = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
ALL = "".join(map(chr, CODES))
# Below the flags; what has none of these is 0.
CATEGORIES = [r"\p{Lu}", r"\p{Ll}", r"\p{Lt}", r"\p{Lm}", r"\p{Lo}", r"\p{M}", r"\p{N}", r"\p{P}", r"\p{S}"]
WHITE_SPACE, NUMERIC, PUNCTUATION, WORD = 16, 32, 64, 128
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"


def matching(pattern):
    """The code points that the regular expressions of Split and Replace take for one of `pattern`."""
    outside = set(normalizers.Replace(Regex(pattern), "").normalize_str(ALL))
    return {code for code in CODES if chr(code) not in outside}


def isolated(pre_tokenizer):
    """The code points that stand alone between letters."""
    text = "a" + "a".join(map(chr, CODES)) + "a"
    pieces = [piece for piece, _ in pre_tokenizer.pre_tokenize_str(text)]
    return {ord(piece) for piece in pieces if len(piece) == 1 and piece != "a"}


def word_characters():
    """The code points beside which an added token is no single word."""
    tokenizer = Tokenizer(models.BPE({"x": 0}, []))
    tokenizer.add_tokens([AddedToken("\u2603", single_word=True, normalized=False)])
    found = set()
    for start in range(0, len(CODES), 4096):
        part = CODES[start:start + 4096]
        for code, encoding in zip(part, tokenizer.encode_batch(["\u2603" + chr(code) for code in part])):
            if 1 not in encoding.ids:
                found.add(code)
    return found - {0x2603}


def properties():
    table = bytearray(0x110000)
    for number, category in enumerate(CATEGORIES, 1):
        for code in matching(category):
            assert table[code] == 0
            table[code] = number
    spaces = matching(r"\s")
    assert spaces == {code for code in CODES if not pre_tokenizers.WhitespaceSplit().pre_tokenize_str(chr(code))}
    flags = [(spaces, WHITE_SPACE), (isolated(pre_tokenizers.Digits(True)), NUMERIC),
             (isolated(pre_tokenizers.Punctuation("isolated")), PUNCTUATION), (word_characters(), WORD)]
    for codes, flag in flags:
        for code in codes:
            table[code] |= flag
    return table


def each(normalizer):
    """What becomes of every code point alone."""
    parts = normalizer.normalize_str("\n".join(map(chr, CODES))).split("\n")
    # The line feed itself makes two empty parts.
    at = CODES.index(10)
    return parts[:at] + ["\n"] + parts[at + 2:]


def number(value):
    """Five bits a digit, the lowest first; all but the last have the sixth bit."""
    text = ""
    while value >= 32:
        text += DIGITS[32 | value & 31]
        value >>= 5
    return text + DIGITS[value]


def runs(table):
    text, start = "", 0
    kinds = sorted(set(table))
    for code in range(1, len(table) + 1):
        if code == len(table) or table[code] != table[start]:
            text += number(code - start) + number(kinds.index(table[start]))
            start = code
    return kinds, text


def combining_classes():
    """Classes never change, but older versions of Unicode know fewer: a mark that changes places with no other has none."""
    classes = bytearray(0x110000)
    form = normalizers.NFD()
    highest, lowest = "\u0345", "\u0334"
    for code in CODES:
        mark = chr(code)
        moves = form.normalize_str(highest + mark).endswith(highest) or form.normalize_str(mark + lowest).startswith(lowest)
        if moves and mark not in (highest, lowest) and len(form.normalize_str(mark)) == 1:
            classes[code] = unicodedata.combining(mark)
            assert classes[code]
    for mark in (highest, lowest):
        classes[ord(mark)] = unicodedata.combining(mark)
    return classes


def decompositions():
    """Pairs that a code point falls into at once: the second is 0 where it falls into one."""
    text, last, nfd = "", 0, each(normalizers.NFD())
    for code, whole in zip(CODES, nfd):
        if 0xAC00 <= code < 0xD7A4 or whole == chr(code):
            continue
        parts = [int(part, 16) for part in unicodedata.decomposition(chr(code)).split()]
        composed = each_composed[code]
        # The lowest bit: whether the pair composes to it again.
        text += number((code - last) * 2 + (composed == chr(code))) + number(parts[0]) + number(parts[1] if len(parts) > 1 else 0)
        last = code
    return text


def literal(name, text, about):
    lines = [text[start:start + 128] for start in range(0, len(text), 128)]
    return f'    /// {about}\n    static let {name}: StaticString = """\n        ' + "\\\n        ".join(lines) + '\n        """\n'


def array(name, numbers):
    rows = [", ".join(map(str, numbers[start:start + 24])) for start in range(0, len(numbers), 24)]
    return f"    static let {name}: [UInt8] = [\n" + "".join(f"        {row},\n" for row in rows) + "    ]\n"


def swift(folder):
    kinds, text = runs(properties())
    made = "// Made by Tests/TextConformance/unicode.py; not to be edited.\n\n"
    (folder / "UnicodePropertyData.swift").write_text(
        made + "/// What Hugging Face's tokenizers holds every code point for.\nenum UnicodePropertyData {\n"
        + "    /// The values that occur; a run names one by its place here.\n"
        + array("kinds", kinds) + "\n"
        + literal("runs", text, "Back to back from U+0000: how many code points, and which kind.") + "}\n")
    kinds, text = runs(combining_classes())
    (folder / "UnicodeNormalizationData.swift").write_text(
        made + "/// Canonical combining classes and decompositions.\nenum UnicodeNormalizationData {\n"
        + "    /// The classes that occur; a run names one by its place here.\n"
        + array("kinds", kinds) + "\n"
        + literal("classes", text, "Back to back from U+0000: how many code points, and which class.") + "\n"
        + literal("decompositions", decompositions(),
                  "For each code point that falls into others: how far from the last one, twice, and 1 more if they compose to it; and the two.")
        + "}\n")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("swift", "bytes"):
        sys.exit(__doc__)
    each_composed = dict(zip(CODES, each(normalizers.NFC())))
    if sys.argv[1] == "swift":
        swift(pathlib.Path(sys.argv[2]))
    else:
        with open(sys.argv[2], "wb") as file:
            file.write(properties())
            for form in (each_composed.values(), each(normalizers.NFD())):
                for text in form:
                    data = text.encode()
                    file.write(struct.pack("<B", len(data)) + data)
