"""Canaries: texts that occur nowhere else, one for each place at which a client or operator gives something away, and how they are found again."""

import base64
import random
import re
import string
import struct

# Tokens in a row that no other text has by chance.
TOKENS_IN_A_ROW = 4


class Canaries:
    """Each is the run's own mark and the number of its place, over and over: whichever sixteen bytes of it are shown hold the mark."""

    def __init__(self, seed=None):
        drawn = random.Random(seed)
        self.mark = "q" + "".join(drawn.choice(string.ascii_lowercase + string.digits) for _ in range(4)) + "Z"
        self.places, self.tokens = [], []

    def __call__(self, place, repeats=4):
        """The canary of that place, in letters and digits alone, so that nothing escapes them."""
        if place not in self.places:
            self.places.append(place)
        return f"{self.mark}{self.places.index(place):02d}" * repeats

    def heard(self, tokens):
        """What a canary is as tokens, by the model's own tokenizer: its ends may melt into what stands beside it."""
        inner = tokens[1:-1]
        self.tokens += [tuple(inner[at : at + TOKENS_IN_A_ROW]) for at in range(len(inner) - TOKENS_IN_A_ROW + 1)]

    def found(self, data):
        """The places whose canaries are in these bytes, in any form in which a careless program writes them."""
        found = set()
        mark = self.mark.encode()
        for form, pattern in self.forms():
            for match in pattern.finditer(data):
                number = data[match.end() : match.end() + 2] if form == "as it is" else b""
                place = self.places[int(number)] if number.isdigit() and int(number) < len(self.places) else "one of them"
                around = data[max(0, match.start() - 60) : match.end() + 30].decode(errors="replace").replace(mark.decode(), "CANARY")
                found.add((place, form, " ".join(around.split())))
        return sorted(found)

    def forms(self):
        mark = self.mark.encode()
        yield "as it is", re.compile(re.escape(mark), re.IGNORECASE)
        yield "in UTF-16", re.compile(re.escape(self.mark.encode("utf-16-le")))
        yield "in hexadecimal", re.compile(rb"[\s:,]*".join(b"(?:0x)?%02x" % byte for byte in mark), re.IGNORECASE)
        # The middle of each of the three ways in which three bytes can meet four letters.
        for shift in range(3):
            ends = shift * 8, (shift + len(mark)) * 8
            letters = base64.b64encode(b"x" * shift + mark + b"xxx")[-(-ends[0] // 6) : ends[1] // 6]
            yield "in base64", re.compile(re.escape(letters) + b"|" + re.escape(letters.translate(bytes.maketrans(b"+/", b"-_"))))
        for window in sorted(set(self.tokens)):
            yield "as tokens", re.compile(rb"(?<!\d)" + rb"[\s,;|]+".join(str(token).encode() for token in window) + rb"(?!\d)")
            yield "as tokens' bytes", re.compile(re.escape(struct.pack(f"<{TOKENS_IN_A_ROW}I", *window)))


def prove(canaries):
    """Every form is found where it was put, and nothing where there is none."""
    canary, quiet = canaries("a proof"), b'{"msg":"listening","id":"95aae32f0609522b","tokens":[1,2,3,4,5,6,7,8]}'
    window = canaries.tokens[0]
    put = {
        "as it is": canary.encode(), "in UTF-16": canary.encode("utf-16-le"), "in hexadecimal": canary.encode().hex(" ").encode(),
        "in base64": base64.b64encode(b"ab" + canary.encode()), "as tokens": (b"[" + ", ".join(map(str, window)).encode() + b"]"),
        "as tokens' bytes": struct.pack("<4I", *window),
    }  # fmt: skip
    problems = [f"a canary {form} is not seen" for form, data in put.items() if form not in {found[1] for found in canaries.found(quiet + data + quiet)}]
    # A part of it as a dump of memory shows, sixteen bytes wherever they begin.
    problems += [f"sixteen bytes from byte {at} are not seen" for at in range(16) if not canaries.found(canary.encode()[at : at + 16])]
    if canaries.found(quiet):
        problems.append("a canary is seen where none is")
    return problems
