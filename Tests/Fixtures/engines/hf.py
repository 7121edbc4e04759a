#!/usr/bin/env python3
"""Writes the tiny model as a Hugging Face folder, which vLLM and transformers read.

    hf.py MODEL OUT      MODEL: a folder as deploy/models/tiny, with tiny-f16.gguf, tokenizer.json and tokenizer_config.json

Needs numpy, gguf and safetensors. The numbers are those of the GGUF file, in 32 bits; only the rows of queries and keys stand in another order.
"""

import json
import pathlib
import shutil
import sys

import numpy as np
from gguf import GGUFReader
from safetensors.numpy import save_file

LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def field(reader, name):
    return reader.fields[f"llama.{name}"].contents()


def halves(rows, heads):
    """GGUF turns neighbours of a head's rows together; Hugging Face turns a row of the first half with one of the second."""
    _, columns = rows.shape
    return np.ascontiguousarray(rows.reshape(heads, -1, 2, columns).transpose(0, 2, 1, 3).reshape(-1, columns))


def tensors(reader):
    heads = {"attn_q": field(reader, "attention.head_count"), "attn_k": field(reader, "attention.head_count_kv")}
    result = {}
    for tensor in reader.tensors:
        values = np.array(tensor.data, dtype=np.float32)
        if tensor.name == "token_embd.weight":
            result["model.embed_tokens.weight"] = values
        elif tensor.name == "output_norm.weight":
            result["model.norm.weight"] = values
        else:
            _, layer, part, _ = tensor.name.split(".")
            values = halves(values, heads[part]) if part in heads else values
            result[f"model.layers.{layer}.{LAYER_NAMES[part]}.weight"] = values
    return result


def config(reader, vocabulary, tokens):
    width, heads = field(reader, "embedding_length"), field(reader, "attention.head_count")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": field(reader, "feed_forward_length"),
        "num_hidden_layers": field(reader, "block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": field(reader, "attention.head_count_kv"),
        "head_dim": width // heads,
        # The file holds the 32-bit number that is nearest to the one meant.
        "rms_norm_eps": float(f"{field(reader, 'attention.layer_norm_rms_epsilon'):.6g}"),
        "rope_theta": field(reader, "rope.freq_base"),
        "max_position_embeddings": field(reader, "context_length"),
        "tie_word_embeddings": True,
        "hidden_act": "silu",
        "bos_token_id": None,
        "eos_token_id": tokens["<|im_end|>"],
        "pad_token_id": tokens["<|endoftext|>"],
        "dtype": "float32",
    }


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    model, out = map(pathlib.Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    reader = GGUFReader(model / "tiny-f16.gguf")
    added = json.loads((model / "tokenizer.json").read_text())["added_tokens"]
    tokens = {token["content"]: token["id"] for token in added}
    weights = tensors(reader)
    settings = config(reader, len(weights["model.embed_tokens.weight"]), tokens)
    ends = [tokens["<|im_end|>"], tokens["<|endoftext|>"]]
    generation = {"eos_token_id": ends, "pad_token_id": tokens["<|endoftext|>"], "do_sample": False}

    def write(name, value):
        (out / name).write_text(json.dumps(value, indent=1) + "\n")

    write("config.json", settings)
    write("generation_config.json", generation)
    shutil.copy(model / "tokenizer.json", out)
    tokenizer = json.loads((model / "tokenizer_config.json").read_text())
    (out / "chat_template.jinja").write_text(tokenizer["chat_template"])
    # Another class would build a tokenizer of its own from files that are not there.
    write("tokenizer_config.json", tokenizer | {"tokenizer_class": "PreTrainedTokenizerFast"})
    # Last: a folder with weights is whole.
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main()
