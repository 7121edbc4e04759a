#!/usr/bin/env python3
"""How fast Hugging Face's tokenizers and tiktoken encode a text on one thread.

    bench_tokenizers.py TOKENIZER.json TEXT
    bench_tokenizers.py text FILE            writes a megabyte of English and code to measure with
    bench_tokenizers.py rates TOKENIZER.json TEXT PASSES
                                             a line each: name, bytes a second over the whole text, tokens
"""
import json
import os
import pathlib
import sys
import sysconfig
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import tiktoken
from tokenizers import Tokenizer

from vocabularies import alphabet


def best(work, rounds=3):
    least = float("inf")
    for _ in range(rounds):
        begin = time.process_time()
        result = work()
        least = min(least, time.process_time() - begin)
    return least, result


def english_and_code():
    library = pathlib.Path(sysconfig.get_path("stdlib"))
    english = (library / "pydoc_data/topics.py").read_text()[:500_000]
    code = "".join(path.read_text() for path in sorted(library.glob("a*/*.py")))[:500_000]
    return english + code


def rebuilt(contents):
    """tiktoken's encoding with the vocabulary of a tokenizer.json."""
    bytes_of = {chr(code): byte for byte, code in enumerate(alphabet())}
    ranks = {bytes(bytes_of[letter] for letter in token): rank for token, rank in contents["model"]["vocab"].items()
             if all(letter in bytes_of for letter in token)}
    pattern = contents["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    return tiktoken.Encoding("rebuilt", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


def rates(file, path, passes):
    text = path.read_text()
    size = len(text.encode())
    tokenizer = Tokenizer.from_file(str(file))
    other = rebuilt(json.loads(file.read_text()))
    for name, work in (("tiktoken", lambda: other.encode_ordinary(text)),
                       ("tokenizers", lambda: tokenizer.encode(text, add_special_tokens=False).ids)):
        # The first pass is not measured: nobody is to pay for what is only made once.
        work()
        seconds, ids = best(work, passes)
        print(name, size / seconds, len(ids))


def bench(file, path):
    text = path.read_text()
    megabytes = len(text.encode()) / 1e6
    contents = json.loads(file.read_text())
    tokenizer = Tokenizer.from_file(str(file))
    seconds, encoding = best(lambda: tokenizer.encode(text, add_special_tokens=False))
    print(f"tokenizers: whole {megabytes / seconds:.1f} MB/s, {len(encoding.ids)} tokens")
    chunks = [text[start:start + 4000] for start in range(0, len(text), 4000)]
    seconds, _ = best(lambda: [tokenizer.encode(chunk, add_special_tokens=False) for chunk in chunks])
    print(f"tokenizers: chunks of 4,000 characters {megabytes / seconds:.1f} MB/s")
    seconds, _ = best(lambda: tokenizer.encode("hello world, this is a short prompt"), 200)
    print(f"tokenizers: short prompt {seconds * 1e6:.1f} us")
    seconds, _ = best(lambda: tokenizer.decode(encoding.ids))
    print(f"tokenizers: decode {megabytes / seconds:.1f} MB/s")
    other = rebuilt(contents)
    seconds, ids = best(lambda: other.encode_ordinary(text))
    print(f"tiktoken: whole {megabytes / seconds:.1f} MB/s, {len(ids)} tokens")
    seconds, _ = best(lambda: [other.encode_ordinary(chunk) for chunk in chunks])
    print(f"tiktoken: chunks of 4,000 characters {megabytes / seconds:.1f} MB/s")


if __name__ == "__main__":
    if len(sys.argv) == 5 and sys.argv[1] == "rates":
        rates(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), int(sys.argv[4]))
    elif len(sys.argv) != 3:
        sys.exit(__doc__)
    elif sys.argv[1] == "text":
        pathlib.Path(sys.argv[2]).write_text(english_and_code())
    else:
        bench(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
