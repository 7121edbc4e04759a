#!/usr/bin/env python3
"""Rebuilds tokenizer.json files from real vocabularies, and writes what Hugging Face's tokenizers makes of many texts with them.

    vocabularies.py MODELS WORK COUNT [NAME…]

MODELS holds the vocabularies, COUNT random strings are spread over all of them, or over those that are named. For each one WORK gets NAME.json and NAME.cases:
many times (kind: 1 byte, text, ids, text of the ids without special tokens, text with them), each part behind its length in 4 bytes; ids have
4 bytes each. The kind is 0 for a text alone, 1 for one with the tokens that go around it. `table` says what could be compared, and why not.
"""
import json
import os
import pathlib
import random
import struct
import sys
import sysconfig

os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
from gguf import GGUFReader
from tokenizers import Tokenizer

NORMAL, UNKNOWN, CONTROL, DEFINED, BYTE = 1, 2, 3, 4, 6
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
TEKKEN = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*|"
          r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SUFFIX = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{SUFFIX}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{SUFFIX}|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK3 = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
             r"\s*[\r\n]+|\s+(?!\S)|\s+").replace('\\"', '"')
CJK = "[一-龥ࠀ-一가-퟿]+"
DEEPSEEK_LLM = [r"[\r\n]", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-" "\u1f7d" r"]+",
                r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", CJK]
DEEPSEEK_CODER = [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK]


def split(pattern, behavior="Isolated"):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": False}


def byte_level(use_regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def digits(individual):
    return {"type": "Digits", "individual_digits": individual}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


GPT2 = byte_level(True)
NFC = {"type": "NFC"}
# name of the file, name of the case, normalizer, pre-tokenizer, ignore_merges
BYTE_LEVEL = [
    ("gpt-2", "gpt-2", None, GPT2, False),
    ("llama-bpe", "llama-3", None, sequence(split(LLAMA3), byte_level(False)), True),
    ("qwen2", "qwen-2", NFC, sequence(split(QWEN2), byte_level(False)), False),
    ("qwen35", "qwen-3.5", NFC, sequence(split(QWEN35), byte_level(False)), False),
    ("command-r", "command-r", NFC, sequence(digits(True), GPT2), False),
    ("starcoder", "starcoder", None, sequence(digits(True), GPT2), False),
    ("refact", "refact", None, sequence(digits(True), GPT2), False),
    ("falcon", "falcon", None, sequence({"type": "Punctuation", "behavior": "Contiguous"}, GPT2, digits(False), split("[0-9][0-9][0-9]")), False),
    ("mpt", "mpt", NFC, GPT2, False),
    ("gpt-neox", "gpt-neox", NFC, GPT2, False),
    ("aquila", "aquila", None, GPT2, False),
    ("deepseek-llm", "deepseek-llm", None, sequence(*map(split, DEEPSEEK_LLM), digits(True), byte_level(False)), False),
    ("deepseek-coder", "deepseek-coder", None, sequence(*map(split, DEEPSEEK_CODER), digits(True), byte_level(False)), False),
    # Patterns whose own vocabularies are not at hand, over another one: what is shown is where text is cut.
    ("llama-bpe", "o200k-pattern", None, sequence(split(O200K), byte_level(False)), True),
    ("llama-bpe", "tekken-pattern", None, sequence(split(TEKKEN), byte_level(False)), True),
    ("deepseek-llm", "deepseek-3-pattern", {"type": "Sequence", "normalizers": []},
     sequence(split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(DEEPSEEK3), byte_level(False)), False),
]
BORROWED = {"o200k-pattern", "tekken-pattern", "deepseek-3-pattern"}
METASPACE_TO_BLANK = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
FALLBACK, FUSE = {"type": "ByteFallback"}, {"type": "Fuse"}
STRIP = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
BLANK_TO_METASPACE = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
SPM_DECODER = {"type": "Sequence", "decoders": [METASPACE_TO_BLANK, FALLBACK, FUSE, STRIP]}
LEGACY = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, BLANK_TO_METASPACE]}
PIECES = [
    ("llama-spm", "llama-2", LEGACY, None, SPM_DECODER),
    ("phi-3", "phi-3", LEGACY, None, SPM_DECODER),
    ("baichuan", "baichuan", None, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}, SPM_DECODER),
    ("baichuan", "metaspace", None, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
     {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}),
    ("gemma-4", "gemma-4", BLANK_TO_METASPACE,
     {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
     {"type": "Sequence", "decoders": [METASPACE_TO_BLANK, FALLBACK, FUSE]}),
]


class Vocabulary:
    def __init__(self, path):
        fields = GGUFReader(path).fields

        def values(name, kind):
            field = fields.get("tokenizer.ggml." + name)
            return None if field is None else [kind(field.parts[index]) for index in field.data]

        self.tokens = values("tokens", lambda part: bytes(part).decode())
        self.types = values("token_type", lambda part: int(part[0]))
        self.scores = values("scores", lambda part: float(part[0]))
        self.merges = values("merges", lambda part: bytes(part).decode())
        bos = fields.get("tokenizer.ggml.bos_token_id")
        self.bos = None if bos is None else int(bos.parts[-1][0])


def tokenizer(vocabulary, name, normalizer, pre_tokenizer, decoder, **model):
    tokens, types = vocabulary.tokens, vocabulary.types
    # Behind the model's own: added tokens must follow them without a gap.
    inside = {token: index for index, token in enumerate(tokens) if types[index] in (NORMAL, BYTE, UNKNOWN)}
    outside = [index for index, kind in enumerate(types) if kind in (CONTROL, DEFINED)]
    if any(index < len(tokens) - len(outside) for index in outside) or name in BORROWED:
        inside = {token: index for index, token in enumerate(tokens)}
    added = [{"id": index, "content": tokens[index], "single_word": False, "lstrip": False, "rstrip": name == "phi-3", "normalized": False,
              "special": types[index] == CONTROL} for index in outside if tokens[index]]
    around = None
    if vocabulary.bos is not None and name in ("llama-3", "llama-2", "command-r", "gemma-4"):
        bos = tokens[vocabulary.bos]
        around = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                  "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                  "special_tokens": {bos: {"id": bos, "ids": [vocabulary.bos], "tokens": [bos]}}}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer, "post_processor": around, "decoder": decoder,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": inside, **model}}


def merges_of_scores(vocabulary):
    """As the converters of SentencePiece models make them: all splits of every piece into two, the best piece first."""
    ids = {token: index for index, token in enumerate(vocabulary.tokens)}
    merges = []
    for index, token in enumerate(vocabulary.tokens):
        if vocabulary.types[index] not in (NORMAL, DEFINED):
            continue
        local = [(token[:cut], token[cut:], vocabulary.scores[index]) for cut in range(1, len(token))
                 if token[:cut] in ids and token[cut:] in ids]
        merges.extend(sorted(local, key=lambda part: (ids[part[0]], ids[part[1]])))
    merges.sort(key=lambda part: (part[2], len(part[0]), len(part[1])), reverse=True)
    return [[left, right] for left, right, _ in merges]


def files(models, names):
    known = {}

    def vocabulary(name):
        if name not in known:
            known.clear()
            known[name] = Vocabulary(models / f"ggml-vocab-{name}.gguf")
        return known[name]

    for source, name, normalizer, pre_tokenizer, ignores in BYTE_LEVEL:
        if names and name not in names:
            continue
        vocab = vocabulary(source)
        yield source, name, tokenizer(vocab, name, normalizer, pre_tokenizer, byte_level(True), ignore_merges=ignores,
                                      merges=[merge.split(" ") if name.startswith("q") else merge for merge in vocab.merges])
    for source, name, normalizer, pre_tokenizer, decoder in PIECES:
        if names and name not in names:
            continue
        vocab = vocabulary(source)
        merges = [merge.split(" ") for merge in vocab.merges] if vocab.merges else merges_of_scores(vocab)
        if any(len(merge) != 2 for merge in merges):
            merges = [[left, right] for left, right in (halves(merge, vocab) for merge in vocab.merges)]
        unknown = next((token for token, kind in zip(vocab.tokens, vocab.types) if kind == UNKNOWN), None)
        yield source, name, tokenizer(vocab, name, normalizer, pre_tokenizer, decoder, byte_fallback=True, fuse_unk=True, unk_token=unknown,
                                      merges=merges)


def halves(merge, vocab):
    left, _, right = merge.partition(" ")
    return left, right


# Texts

def corpus():
    """About a megabyte: English, code, Chinese, Japanese, Korean and others, emoji."""
    library = pathlib.Path(sysconfig.get_path("stdlib"))
    parts = []
    for name in ("pydoc_data/topics.py", "argparse.py", "typing.py", "inspect.py", "locale.py", "json/decoder.py"):
        parts.append((library / name).read_text(errors="replace")[:110_000])
    chance = random.Random(5)
    words = ["今天天气很好", "東京都の人口は", "안녕하세요 여러분", "مرحبا بالعالم", "नमस्ते दुनिया", "Привет, мир", "γειά σου", "שלום", "สวัสดีชาวโลก",
             "👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "é", "e\u0301", "，", "。", "！", "1234567", "0.5", " ", "\n", "Ünïcödé", "naïve", "ﬁ", "Ⅷ", "½"]
    parts.append("".join(chance.choice(words) + chance.choice(["", " ", "", "\n"]) for _ in range(40_000)))
    return parts


CLASSES = [(0x20, 0x7E, 8), (0x30, 0x39, 2), (0x41, 0x7A, 4), (0xA0, 0x24F, 2), (0x300, 0x36F, 2), (0x370, 0x5FF, 2), (0x600, 0x6FF, 1),
           (0x900, 0xDFF, 2), (0x1100, 0x11FF, 1), (0x1E00, 0x1FFF, 1), (0x2000, 0x206F, 2), (0x2070, 0x27BF, 2), (0x3000, 0x30FF, 2),
           (0x4E00, 0x9FFF, 3), (0xAC00, 0xD7A3, 2), (0xE000, 0xF8FF, 1), (0xF900, 0xFFFF, 1), (0x10000, 0x1FFFF, 2), (0x20000, 0x10FFFF, 1)]
BLANKS = [" ", " ", " ", "  ", "\n", "\n", "\r\n", "\r", "\t", "\u00a0", "\u3000", "\u2028", "\u0085", "\u180e", "\u200b", "    ", "\v", "\f"]
WORDS = ["the", "Hello", "I'm", "we'LL", "it'\u017f", "'S", "don't", "'re", "x'", "\u01c5abc", "ABCdef", "AbC", "\u00aa\u00aaA", "a\u0301b",
         "12345", "1", "\u0661\u0662\u0663\u0664", "//", "...", "!!\n", "()", "{\n", "\u2581", "\u2581\u2581", "<0x0A>", "\u00b2\u00b3", "\uac00\u11a8",
         "\u1100\u1161\u11a8", "\u0344", "\u0958", "\ufb1d", "#include", "$x", "@y", "一二", "カナ", "ー"]


def strings(chance, count, tokens, added):
    def scalars():
        low, high, _ = chance.choices(CLASSES, [weight for _, _, weight in CLASSES])[0]
        return "".join(chr(code) for code in (chance.randint(low, high) for _ in range(chance.randint(1, 6))) if not 0xD800 <= code < 0xE000)

    def near(token):
        return chance.choice([token, token, token[:-1], token[1:], token + token[:1], " " + token, token + " ", token.upper(), token + "\n"])

    def part():
        kind = chance.random()
        if kind < 0.3:
            return scalars()
        if kind < 0.5:
            return chance.choice(tokens)
        if kind < 0.7:
            return "".join(chance.choice(BLANKS) for _ in range(chance.randint(1, 4)))
        if kind < 0.9 or not added:
            return chance.choice(WORDS)
        return near(chance.choice(added))

    yield ""
    for filler in ["a", " ", "\n", " \n", "'", "1", "\u0301", "<", "\u4e00", "A", "\u00aaA", "\u2581", "!", "a ", "\t ", "\U0001f468\u200d"]:
        yield filler * 700
        yield "x" + filler * 80 + "y"
    for _ in range(count):
        yield "".join(part() for _ in range(chance.randint(1, 12)))


def readable(vocabulary, name):
    """The texts of some tokens."""
    if name in {case for _, case, *_ in BYTE_LEVEL}:
        table = {chr(code): byte for code, byte in zip(alphabet(), range(256))}
        tokens = ["".join(map(chr, (table.get(letter, 63) for letter in token))).encode("latin-1").decode("utf-8", "ignore")
                  for token in vocabulary]
    else:
        tokens = [token.replace("▁", " ") for token in vocabulary]
    return [token for token in tokens if token]


def alphabet():
    spare = iter(range(256, 512))
    return [byte if 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or 0xAE <= byte else next(spare) for byte in range(256)]


def write(file, kind, text, ids, plain, full):
    data = struct.pack("<B", kind)
    for part in (text.encode(), struct.pack(f"<{len(ids)}I", *ids), plain.encode(), full.encode()):
        data += struct.pack("<I", len(part)) + part
    file.write(data)


def vectors(models, source):
    """Texts with the ids that the vocabulary's makers publish."""
    texts = models / f"ggml-vocab-{source}.gguf.inp"
    if not texts.exists():
        return None
    inputs = texts.read_bytes().decode().split("\n__ggml_vocab_test__\n")
    outputs = (models / f"ggml-vocab-{source}.gguf.out").read_text().splitlines()
    return [(text, [int(number) for number in line.split()]) for text, line in zip(inputs, outputs)]


def main(models, work, count, names):
    work.mkdir(parents=True, exist_ok=True)
    table = []
    total = len(names) or len(BYTE_LEVEL) + len(PIECES)
    for source, name, contents in files(models, names):
        (work / f"{name}.json").write_text(json.dumps(contents, ensure_ascii=False))
        tokenizer = Tokenizer.from_str(json.dumps(contents))
        chance = random.Random(name)
        added = [token["content"] for token in contents["added_tokens"]]
        texts = list(strings(chance, count // total, readable(list(contents["model"]["vocab"]), name), added)) + corpus()
        known = vectors(models, source)
        agreed = None
        if known is not None:
            texts += [text for text, _ in known]
            agreed = sum(tokenizer.encode(text, add_special_tokens=False).ids == ids for text, ids in known)
        with open(work / f"{name}.cases", "wb") as file:
            for kind in (0, 1):
                chosen = texts if kind == 0 else texts[:60]
                for start in range(0, len(chosen), 4096):
                    part = chosen[start:start + 4096]
                    ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(part, add_special_tokens=kind == 1)]
                    plain = tokenizer.decode_batch(ids, skip_special_tokens=True)
                    full = tokenizer.decode_batch(ids, skip_special_tokens=False)
                    for case in zip(part, ids, plain, full):
                        write(file, kind, *case)
        about = "boundaries only: its own vocabulary is not at hand" if name in BORROWED else "ids"
        if known is not None and name not in BORROWED:
            about += f"; Hugging Face agrees with {agreed} of the {len(known)} published vectors"
        table.append(f"{name}\t{about}")
        print(f"vocabularies.py: {name}: {len(texts)} texts", file=sys.stderr)
    for name, kind in (("bert-bge", "WordPiece"), ("nomic-bert-moe", "Unigram")):
        model = {"type": kind, "unk_token": "a", "unk_id": 0, "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                 "vocab": {"a": 0} if kind == "WordPiece" else [["a", 0.0]]}
        (work / f"{name}.refused.json").write_text(json.dumps({"version": "1.0", "added_tokens": [], "decoder": {"type": "Fuse"}, "model": model}))
        table.append(f"{name}\tnot comparable here: {kind} is refused by name")
    (work / "table").write_text("\n".join(table) + "\n")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
