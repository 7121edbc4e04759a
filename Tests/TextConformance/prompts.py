#!/usr/bin/env python3
"""Prompts for engines that are held beside one another, of every kind that the tiny model has read, and some that it has not.

    prompts.py write REPOSITORY PROMPTS             a hundred prompts, a line of token ids each
    prompts.py join REPOSITORY PROMPTS ANSWERS OUT  with the answers of greedy.c as a JSON array, a prompt a line

Needs tokenizers and numpy, as deploy/dev/oracles installs them. The same prompts come out each time.
"""
import importlib.util
import json
import pathlib
import random
import sys


def corpus(repository):
    """The rules by which the model's own texts were made."""
    spec = importlib.util.spec_from_file_location("tiny", repository / "deploy/models/tiny/make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ask(tiny, messages, system=None, tools=None):
    return tiny.chat(messages, system, tools) + "<|im_start|>assistant\n"


# Steps at which the best token was so little better than the next one are told.
CLOSE = 0.01

UNICODE = [
    "Wie heißt die Hauptstadt von Österreich?", "¿Cuál es la capital de España?", "日本の首都はどこですか。", "Какая столица у Франции?",
    "Repeat: naïve café über façade", "Repeat: 🦊 🦉 🐻 red kite", "What sound does a 🐸 make?", "Cafe\u0301 and Café, are they one?",
    "\u202eright to left\u202c and zero\u200bwidth", "مرحبا، ما هي عاصمة مصر؟",
]


def prompts(repository):
    tiny, draw = corpus(repository), random.Random(17)
    made = [("question", ask(tiny, [("user", tiny.turn(draw)[0])])) for _ in range(25)]
    for _ in range(12):
        one, other = draw.randint(0, 20), draw.randint(0, 20)
        made.append(("sum", ask(tiny, [("user", f"What is {one} + {other}?" + draw.choice(["", " /think"]))])))
    for _ in range(10):
        words = tiny.story(draw).split()
        made.append(("story", " ".join(words[:draw.randint(3, 25)])))
    for _ in range(8):
        made.append(("story", ask(tiny, [("user", f"Tell me a story about a {draw.choice(tiny.ANIMALS)} named {draw.choice(tiny.NAMES)}.")])))
    for _ in range(15):
        city, thing, color = draw.choice(list(tiny.CAPITALS.values())), draw.choice(tiny.THINGS), draw.choice(tiny.COLORS)
        question = draw.choice([f"What is the weather in {city}?", f"Find the {color} {thing}.", f"Send {draw.choice(tiny.NAMES)} a note: {color} {thing}"])
        tools = tiny.TOOLS[:]
        draw.shuffle(tools)
        made.append(("tool", ask(tiny, [("user", question)], None, tools)))
    for turns in [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 7, 8, 12, 24]:
        messages = [("user", f"My code word is {draw.choice(tiny.THINGS)}."), ("assistant", "I will remember that.")]
        for _ in range(turns):
            question, answer = tiny.turn(draw)
            messages += [("user", question), ("assistant", answer)]
        system = draw.choice([None, "You are a helpful assistant."])
        made.append(("conversation", ask(tiny, messages + [("user", "What is my code word?")], system)))
    made += [("unicode", ask(tiny, [("user", text)])) for text in UNICODE]
    made += [("plain", text) for text in ["The", "<|endoftext|>", "1, 2, 3, 4,", '{"name": "Ada", "age":', " \n\n\t "]]
    assert len(made) == 100
    return made


def main(command, repository, path, *rest):
    if command == "write":
        from tokenizers import Tokenizer

        text = Tokenizer.from_file(str(repository / "deploy/models/tiny/tokenizer.json"))
        lines = [" ".join(map(str, text.encode(prompt, add_special_tokens=False).ids)) for _, prompt in prompts(repository)]
        pathlib.Path(path).write_text("\n".join(lines) + "\n")
        return
    answers, out = rest
    kinds = [kind for kind, _ in prompts(repository)]
    read = pathlib.Path(path).read_text().splitlines(), pathlib.Path(answers).read_text().splitlines()
    assert len(read[0]) == len(read[1]) == len(kinds), "not every prompt has an answer"
    lines = []
    for kind, prompt, answer in zip(kinds, *read):
        pairs = [pair.split(":") for pair in answer.split()]
        entry = {"kind": kind, "prompt": [int(token) for token in prompt.split()], "tokens": [int(token) for token, _ in pairs],
                 "close": [[step, float(margin)] for step, (_, margin) in enumerate(pairs) if float(margin) < CLOSE]}
        lines.append(json.dumps(entry, separators=(",", ":")))
    pathlib.Path(out).write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("write", "join"):
        sys.exit(__doc__)
    main(sys.argv[1], pathlib.Path(sys.argv[2]), *sys.argv[3:])
