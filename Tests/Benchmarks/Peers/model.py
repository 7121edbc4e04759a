#!/usr/bin/env python3
"""Makes the folder of the model that live benchmarks and the systems beside them speak: Qwen2's vocabulary, no weights.

    model.py MODELS FOLDER

MODELS holds vocabularies as `deploy/dev/oracles` fetches them, whose Python this is to be run with. FOLDER gets the files that Hugging Face's
libraries look for, `text.txt` from which prompts are cut, and `bench.json`: how many characters a token has there. `bench.json` is written last:
where it is, the folder is whole.
"""
import json
import pathlib
import pydoc_data.topics
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "TextConformance"))
from tokenizers import Tokenizer
import vocabularies

CONTEXT = 32_768
START, END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def text():
    """Python's own documentation: prose and code in many words."""
    return "\n".join(topic for _, topic in sorted(pydoc_data.topics.topics.items()))


def one_line(text):
    """As `PassageText` reads it."""
    words = "".join(letter if " " < letter < "\x7f" else " " for letter in text).split()
    return " ".join(words).replace('"', "'").replace("\\", "/")


def passage(line, characters, chance):
    """As `PassageText` cuts it: excerpts from all over that end where a word does."""
    parts, left = [], characters
    while left > 0:
        start = line.index(" ", chance.randrange(len(line) - 1_000)) + 1
        end = line.find(" ", start + 95 + chance.randrange(64)) + 1
        parts.append(line[start:end][:left])
        left -= len(parts[-1])
    return "".join(parts)


def characters_per_token(tokenizer, line):
    """In blocks of about 64 tokens, since where excerpts and blocks end words are cut."""
    chance, characters, tokens = random.Random(1), 0, 0
    for _ in range(2_000):
        block = passage(line, 280, chance)
        characters += len(block)
        tokens += len(tokenizer.encode(block, add_special_tokens=False).ids)
    return characters / tokens


def main(models, folder):
    (folder / "bench.json").unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    _, _, made = next(vocabularies.files(models, ["qwen-2"]))
    ids = {**made["model"]["vocab"], **{token["content"]: token["id"] for token in made["added_tokens"]}}

    def write(name, value):
        (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=None))

    write("tokenizer.json", made)
    write("tokenizer_config.json", {
        "tokenizer_class": "Qwen2Tokenizer", "add_bos_token": False, "bos_token": None, "eos_token": END, "pad_token": PAD, "unk_token": None,
        "model_max_length": CONTEXT, "clean_up_tokenization_spaces": False, "chat_template": TEMPLATE,
        "added_tokens_decoder": {str(token["id"]): {key: token[key] for key in ("content", "single_word", "lstrip", "rstrip", "normalized", "special")}
                                 for token in made["added_tokens"]}})
    write("generation_config.json", {"bos_token_id": ids[PAD], "eos_token_id": [ids[END], ids[PAD]], "pad_token_id": ids[PAD]})
    write("config.json", {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": max(ids.values()) + 1, "max_position_embeddings": CONTEXT,
        "hidden_size": 896, "intermediate_size": 4_864, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
        "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 1_000_000.0, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
        "bos_token_id": ids[PAD], "eos_token_id": ids[END]})
    (folder / "text.txt").write_text(text())
    tokenizer = Tokenizer.from_str(json.dumps(made))
    measured = characters_per_token(tokenizer, one_line(text()))
    write("bench.json", {"text": "text.txt", "characters_per_token": round(measured, 4)})
    print(f"{folder}: {len(ids)} tokens, {measured:.3f} characters a token")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
