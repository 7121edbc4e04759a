#!/usr/bin/env python3
"""Makes what the tests of the reference engine compare with: a small model of every kind of number, and what two models compute.

    make.py REPOSITORY      writes micro.gguf and vectors.json beside this script

Needs numpy, gguf and tokenizers from PyPI. It shares nothing with the engine: files are read by gguf's reader, and computed in 64-bit numbers
with whole matrices and no cache.
"""
import json
import pathlib
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).resolve().parent
MICRO = dict(layers=2, width=32, heads=4, keys=2, size=8, feed=64, vocabulary=96, base=500.0, epsilon=1e-6, context=1024)
QUESTIONS = ["What is the capital of Japan?", "What is 7 + 8? /think", "Repeat: owl red kite soup bell"]


def make_micro(path):
    """Random weights: tokens in 32 bits, attention in 16, the feed-forward layers in blocks of 8, outputs of their own."""
    m, draw = MICRO, np.random.default_rng(11)
    out = gguf.GGUFWriter(path, "llama")
    out.add_name("micro")
    out.add_context_length(m["context"])
    out.add_embedding_length(m["width"])
    out.add_block_count(m["layers"])
    out.add_feed_forward_length(m["feed"])
    out.add_head_count(m["heads"])
    out.add_head_count_kv(m["keys"])
    out.add_rope_freq_base(m["base"])
    out.add_layer_norm_rms_eps(m["epsilon"])
    out.add_eos_token_id(m["vocabulary"] - 1)
    out.add_token_list([f"t{index}" for index in range(m["vocabulary"])])

    def add(name, rows, columns, kind):
        values = draw.normal(0, 1.4 / np.sqrt(columns), (rows, columns)).astype(np.float32)
        if kind == Kind.Q8_0:
            out.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            out.add_tensor(name, values.astype(np.float16 if kind == Kind.F16 else np.float32))

    def norm(name):
        out.add_tensor(name, draw.uniform(0.5, 1.5, m["width"]).astype(np.float32))

    add("token_embd.weight", m["vocabulary"], m["width"], Kind.F32)
    for layer in range(m["layers"]):
        prefix = f"blk.{layer}."
        norm(prefix + "attn_norm.weight")
        add(prefix + "attn_q.weight", m["heads"] * m["size"], m["width"], Kind.F16)
        add(prefix + "attn_k.weight", m["keys"] * m["size"], m["width"], Kind.F16)
        add(prefix + "attn_v.weight", m["keys"] * m["size"], m["width"], Kind.F32)
        add(prefix + "attn_output.weight", m["width"], m["heads"] * m["size"], Kind.F16)
        norm(prefix + "ffn_norm.weight")
        add(prefix + "ffn_gate.weight", m["feed"], m["width"], Kind.Q8_0)
        add(prefix + "ffn_up.weight", m["feed"], m["width"], Kind.Q8_0)
        add(prefix + "ffn_down.weight", m["width"], m["feed"], Kind.Q8_0)
    norm("output_norm.weight")
    add("output.weight", m["vocabulary"], m["width"], Kind.F16)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


class Model:
    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.weights = {
            t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float64).reshape(list(reversed([int(d) for d in t.shape])))
            for t in reader.tensors
        }

        def value(key, usual=None):
            field = reader.fields.get("llama." + key)
            return usual if field is None else field.parts[field.data[0]][0].item()

        self.layers, self.heads = value("block_count"), value("attention.head_count")
        self.keys = value("attention.head_count_kv", self.heads)
        self.size = value("attention.key_length", value("embedding_length") // self.heads)
        self.base, self.epsilon = value("rope.freq_base", 10000.0), value("attention.layer_norm_rms_epsilon")

    def normed(self, x, weight):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.epsilon) * weight

    def turned(self, x):
        """x is [token, head, number]; pairs are neighbours."""
        angle = np.arange(x.shape[0])[:, None] * self.base ** (-np.arange(0, self.size, 2) / self.size)
        turned = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angle)[:, None, :]
        return np.stack((turned.real, turned.imag), -1).reshape(x.shape)

    def logits(self, tokens):
        w, count = self.weights, len(tokens)
        x = w["token_embd.weight"][tokens]
        mask = np.triu(np.full((count, count), -np.inf), 1)
        for layer in range(self.layers):
            p = f"blk.{layer}."
            h = self.normed(x, w[p + "attn_norm.weight"])
            q = self.turned((h @ w[p + "attn_q.weight"].T).reshape(count, self.heads, self.size))
            k = self.turned((h @ w[p + "attn_k.weight"].T).reshape(count, self.keys, self.size))
            v = (h @ w[p + "attn_v.weight"].T).reshape(count, self.keys, self.size)
            k, v = (np.repeat(a, self.heads // self.keys, axis=1) for a in (k, v))
            score = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(self.size) + mask
            score = np.exp(score - score.max(-1, keepdims=True))
            score /= score.sum(-1, keepdims=True)
            x = x + np.einsum("hij,jhd->ihd", score, v).reshape(count, -1) @ w[p + "attn_output.weight"].T
            h = self.normed(x, w[p + "ffn_norm.weight"])
            gate = h @ w[p + "ffn_gate.weight"].T
            x = x + (gate / (1 + np.exp(-gate)) * (h @ w[p + "ffn_up.weight"].T)) @ w[p + "ffn_down.weight"].T
        return self.normed(x, w["output_norm.weight"])[-1] @ w.get("output.weight", w["token_embd.weight"]).T


def vector(name, model, prompt, steps, ends=()):
    """Greedy tokens, with the five best at each step and how far the first is above the second."""
    tokens, best, margins = [], [], []
    for _ in range(steps):
        logits = model.logits(prompt + tokens)
        order = np.argsort(-logits, kind="stable")[:5]
        best.append([[int(token), round(float(logits[token]), 5)] for token in order])
        margins.append(logits[order[0]] - logits[order[1]])
        tokens.append(int(order[0]))
        if tokens[-1] in ends:
            break
    assert min(margins) > 1e-3, "two tokens are as good as one another: take another prompt"
    return {"model": name, "prompt": prompt, "tokens": tokens, "best": best}


def main(repository):
    micro, tiny = HERE / "micro.gguf", repository / "deploy/models/tiny"
    make_micro(micro)
    text, draw = Tokenizer.from_file(str(tiny / "tokenizer.json")), np.random.default_rng(5)
    ends = {text.token_to_id("<|im_end|>"), text.token_to_id("<|endoftext|>")}
    model, vectors = Model(micro), []
    for count in (1, 7, 33, 70):
        vectors.append(vector("micro", model, [int(t) for t in draw.integers(1, MICRO["vocabulary"] - 1, count)], 12))
    model = Model(tiny / "tiny-f16.gguf")
    for question in QUESTIONS:
        prompt = text.encode(f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n").ids
        vectors.append(vector("tiny", model, prompt, 40, ends))
        print(text.decode(vectors[-1]["tokens"]))
    (HERE / "vectors.json").write_text("[\n" + ",\n".join(json.dumps(v, separators=(",", ":")) for v in vectors) + "\n]\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
