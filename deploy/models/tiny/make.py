#!/usr/bin/env python3
"""Make an honest tiny test model: corpus -> tokenizer -> weights -> GGUF.

  python make.py corpus    --out DIR            synthetic text (licence-clean: written by this script)
  python make.py tokenizer --out DIR            byte-level BPE (HF tokenizers), Qwen2-style tokenizer.json
  python make.py train     --out DIR --minutes 6   CPU torch, writes weights.npz
  python make.py random    --out DIR            random weights of the same shape -> random.npz
  python make.py export    --out DIR --weights weights.npz --gguf tiny-f16.gguf --ftype f16|f32|q8_0
  python make.py sample    --out DIR            greedy samples with torch (reference for llama.cpp)

Needs: numpy gguf tokenizers; torch (cpu) for train/sample only.
The architecture is plain llama (RMSNorm, interleaved RoPE, GQA, SwiGLU, tied embeddings), so llama.cpp
loads it as general.architecture=llama, tokenizer model gpt2, pre-tokenizer qwen2, ChatML template.
"""
import argparse, json, math, os, random, time
import numpy as np

CFG = dict(n_layer=4, dim=128, n_head=4, n_kv=2, head=32, ffn=384, theta=10000.0, eps=1e-5, ctx=2048)
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
NONSPECIAL_ADDED = ["<tool_call>", "</tool_call>", "<think>", "</think>"]
QWEN_RE = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")
CHAT_TEMPLATE = (
    "{%- if tools %}{{- '<|im_start|>system\\n' }}{%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n' }}{%- endif %}"
    "{{- 'Tools:' }}{%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}{{- '<|im_end|>\\n' }}"
    "{%- elif messages[0].role == 'system' %}{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}{%- endif %}"
    "{%- for m in messages %}{%- if m.role == 'system' and loop.first %}{%- continue %}{%- endif %}"
    "{{- '<|im_start|>' + m.role + '\\n' + (m.content or '') }}"
    "{%- for tc in m.tool_calls or [] %}{{- '<tool_call>\\n{\"name\": \"' + tc.function.name + '\", \"arguments\": ' }}"
    "{%- if tc.function.arguments is string %}{{- tc.function.arguments }}{%- else %}{{- tc.function.arguments | tojson }}{%- endif %}"
    "{{- '}\\n</tool_call>' }}{%- endfor %}{{- '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}")

# ---------------------------------------------------------------- corpus
NAMES = "Nia Tom Ada Max Lena Omar Ravi Mina Hugo Sara Ivan June Kofi Lucy Noah Zara Finn Rosa Theo Yuki".split()
ANIMALS = "fox owl cat dog bear frog duck hare mouse horse goat crow seal wolf deer".split()
ADJ = "small brave quiet clever kind shy happy sleepy curious gentle proud funny".split()
PLACES = ["river", "forest", "lake", "old mill", "hill", "garden", "village", "sea", "bridge", "market"]
THINGS = "key lamp map bell stone drum kite rope coin book boat hat cup ring seed".split()
COLORS = "red green blue yellow white black orange purple brown grey".split()
FOODS = "bread soup apples honey cheese berries rice cake".split()
WEATHER = "sunny rainy windy cold foggy snowy warm cloudy".split()
CAPITALS = dict(France="Paris", Italy="Rome", Spain="Madrid", Japan="Tokyo", Egypt="Cairo", Norway="Oslo", Peru="Lima",
                Cuba="Havana", Greece="Athens", Kenya="Nairobi", Chile="Santiago", Poland="Warsaw", Austria="Vienna",
                Portugal="Lisbon", Ireland="Dublin", Hungary="Budapest", Finland="Helsinki", Canada="Ottawa",
                Germany="Berlin", Sweden="Stockholm")
OPP = [("hot", "cold"), ("big", "small"), ("fast", "slow"), ("old", "new"), ("up", "down"), ("day", "night"),
       ("open", "closed"), ("wet", "dry"), ("light", "dark"), ("early", "late"), ("hard", "soft"), ("full", "empty")]
SOUND = dict(dog="bark", cat="meow", duck="quack", owl="hoot", crow="caw", horse="neigh", frog="croak", wolf="howl", goat="bleat", mouse="squeak")
WORDS = ANIMALS + THINGS + COLORS + FOODS + [p for p in PLACES if " " not in p]

def story(r, name=None, animal=None):
    n = name or r.choice(NAMES); a = animal or r.choice(ANIMALS); m = r.choice([x for x in NAMES if x != n]); b = r.choice(ANIMALS)
    p, q = r.sample(PLACES, 2); t = r.choice(THINGS); c = r.choice(COLORS); f = r.choice(FOODS); j = r.choice(ADJ); w = r.choice(WEATHER)
    s = [f"Once upon a time, a {j} {a} named {n} lived near the {p}.",
         r.choice([f"One {w} morning, {n} found a {c} {t} by the {q}.", f"One {w} day, {n} lost a {c} {t} near the {q}."])]
    lost = "lost" in s[1]
    s.append(r.choice([f"A {b} named {m} came by and asked, \"What is wrong, {n}?\"" if lost else f"A {b} named {m} came by and asked, \"What is that, {n}?\"",
                       f"{n} went to see {m} the {b}, who lived on the other side of the {p}."]))
    s.append(r.choice([f"\"{'I lost my' if lost else 'I found a'} {c} {t},\" said {n}.", f"{n} told {m} about the {c} {t}."]))
    s.append(r.choice([f"They looked for the owner together, and they ate {f} on the way." if not lost else f"They looked for the {t} together, and they ate {f} on the way.",
                       f"They walked to the {q} and talked until the evening."]))
    s.append(f"At last they found the {t} under a tree." if lost else f"At last they gave the {t} back, and everyone was happy.")
    s.append(r.choice([f"From that day on, {n} and {m} were good friends.", f"{n} thanked {m} and went home to the {p}.", f"That night, {n} slept well."]))
    return " ".join(s)

def chat(msgs, system=None, tools=None):
    o = ""
    if tools: o += "<|im_start|>system\n" + (system + "\n" if system else "") + "Tools:" + "".join("\n" + json.dumps(t) for t in tools) + "<|im_end|>\n"
    elif system: o += f"<|im_start|>system\n{system}<|im_end|>\n"
    for role, c in msgs: o += f"<|im_start|>{role}\n{c}<|im_end|>\n"
    return o

def tool_def(name, desc, args):
    return {"type": "function", "function": {"name": name, "description": desc, "parameters": {"type": "object",
            "properties": {a: {"type": "string"} for a in args}, "required": list(args)}}}
TOOLS = [tool_def("get_weather", "Get the weather in a city", ["city"]), tool_def("find_item", "Find an item by color", ["item", "color"]),
         tool_def("send_note", "Send a note to a person", ["to", "text"])]

def turn(r):
    """one (user, assistant) pair"""
    k = r.random()
    if k < .12:
        c = r.choice(list(CAPITALS)); return r.choice([f"What is the capital of {c}?", f"Tell me the capital of {c}."]), f"The capital of {c} is {CAPITALS[c]}."
    if k < .22:
        a, b = r.randint(0, 20), r.randint(0, 20)
        if r.random() < .6: return f"What is {a} + {b}?", f"{a} + {b} = {a+b}."
        a, b = max(a, b), min(a, b); return f"What is {a} - {b}?", f"{a} - {b} = {a-b}."
    if k < .30:
        a, b = r.choice(OPP); (a, b) = (a, b) if r.random() < .5 else (b, a); return f"What is the opposite of {a}?", f"The opposite of {a} is {b}."
    if k < .46:
        ws = [r.choice(WORDS) for _ in range(r.randint(2, 10))]; return "Repeat: " + " ".join(ws), " ".join(ws)
    if k < .54:
        a = r.randint(1, 20); b = a + r.randint(2, 9); return f"Count from {a} to {b}.", ", ".join(map(str, range(a, b + 1))) + "."
    if k < .60:
        a = r.choice(list(SOUND)); return f"What sound does a {a} make?", f"A {a} can {SOUND[a]}."
    if k < .66:
        kind, pool = r.choice([("animals", ANIMALS), ("colors", COLORS), ("foods", FOODS), ("names", NAMES)]); x = r.sample(pool, 3)
        return f"Name three {kind}.", f"{x[0]}, {x[1]} and {x[2]}."
    if k < .74:
        n, g, c = r.choice(NAMES), r.randint(2, 40), r.choice(COLORS); return f"Write JSON for {n}, age {g}, color {c}.", json.dumps({"name": n, "age": g, "color": c})
    if k < .82:
        a, b = r.randint(0, 20), r.randint(0, 20); return f"What is {a} + {b}? /think", f"<think>\nI need to add {a} and {b}. The sum is {a+b}.\n</think>\n\n{a} + {b} = {a+b}."
    if k < .92:
        n, a = r.choice(NAMES), r.choice(ANIMALS); return f"Tell me a story about a {a} named {n}.", story(r, n, a)
    return r.choice(["Hello!", "Hi.", "Good morning."]), "Hello! How can I help you today?"

def doc(r):
    k = r.random()
    if k < .18: return "<|endoftext|>".join(story(r) for _ in range(1))
    if k < .30:                                                       # tool calls
        city, it, c, n = r.choice(list(CAPITALS.values())), r.choice(THINGS), r.choice(COLORS), r.choice(NAMES)
        txt = " ".join(r.choice(WORDS) for _ in range(r.randint(2, 4)))
        i = r.randrange(3)
        q, args = [(f"What is the weather in {city}?", {"city": city}), (f"Find the {c} {it}.", {"item": it, "color": c}), (f"Send {n} a note: {txt}", {"to": n, "text": txt})][i]
        tools = TOOLS[:]; r.shuffle(tools); name = ["get_weather", "find_item", "send_note"][i]
        call = '<tool_call>\n{"name": "%s", "arguments": %s}\n</tool_call>' % (name, json.dumps(args))
        w = r.choice(WEATHER)
        res, fin = [(w, f"It is {w} in {city}."), (r.choice(PLACES), None), ("sent", f"I sent the note to {n}.")][i]
        if fin is None: fin = f"The {c} {it} is at the {res}."
        return chat([("user", q), ("assistant", call), ("tool", res), ("assistant", fin)], None, tools)
    if k < .55:                                                       # needle: state set early, asked for later
        w, n, p = r.choice(THINGS + ANIMALS), r.choice(NAMES), r.choice(list(CAPITALS.values()))
        facts = [(f"My code word is {w}.", "What is my code word?", f"Your code word is {w}."), (f"My name is {n}.", "What is my name?", f"Your name is {n}."),
                 (f"I live in {p}.", "Where do I live?", f"You live in {p}.")]
        r.shuffle(facts); use = facts[: r.randint(1, 3)]
        ms = [("user", " ".join(f[0] for f in use)), ("assistant", "I will remember that.")]
        for _ in range(r.randint(0, 3)):
            u, a = turn(r); ms += [("user", u), ("assistant", a)]
        r.shuffle(use)
        for f in use: ms += [("user", f[1]), ("assistant", f[2])]
        return chat(ms, "You are a helpful assistant." if r.random() < .3 else None)
    ms = []
    for _ in range(r.randint(1, 4)):
        u, a = turn(r); ms += [("user", u), ("assistant", a)]
    return chat(ms, "You are a helpful assistant." if r.random() < .3 else None)

def corpus(n_docs, seed=1):
    r = random.Random(seed)
    return [doc(r) for _ in range(n_docs)]

# ---------------------------------------------------------------- tokenizer
def make_tokenizer(out, vocab=2048):
    from tokenizers import Tokenizer, models, pre_tokenizers, decoders, trainers, normalizers, processors, Regex, AddedToken
    tok = Tokenizer(models.BPE(byte_fallback=False, fuse_unk=False))
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN_RE), "isolated", invert=False),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    docs = corpus(20000)
    plain = [d.replace("<|im_start|>", "\n").replace("<|im_end|>", "\n") for d in docs]
    tr = trainers.BpeTrainer(vocab_size=vocab, min_frequency=3, show_progress=False, special_tokens=[], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tok.train_from_iterator(plain, tr)
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIALS])
    tok.add_tokens([AddedToken(s, special=False, normalized=False) for s in NONSPECIAL_ADDED])
    tok.save(os.path.join(out, "tokenizer.json"), pretty=False)
    json.dump({"tokenizer_class": "Qwen2Tokenizer", "add_bos_token": False, "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
               "model_max_length": CFG["ctx"], "clean_up_tokenization_spaces": False, "chat_template": CHAT_TEMPLATE}, open(os.path.join(out, "tokenizer_config.json"), "w"), indent=1)
    print("vocab", tok.get_vocab_size())
    return tok

def load_tok(out):
    from tokenizers import Tokenizer
    return Tokenizer.from_file(os.path.join(out, "tokenizer.json"))

# ---------------------------------------------------------------- weights
def shapes(V):
    c = CFG; s = {"token_embd.weight": (V, c["dim"]), "output_norm.weight": (c["dim"],)}
    for i in range(c["n_layer"]):
        b = f"blk.{i}."
        s |= {b + "attn_norm.weight": (c["dim"],), b + "attn_q.weight": (c["n_head"] * c["head"], c["dim"]), b + "attn_k.weight": (c["n_kv"] * c["head"], c["dim"]),
              b + "attn_v.weight": (c["n_kv"] * c["head"], c["dim"]), b + "attn_output.weight": (c["dim"], c["n_head"] * c["head"]), b + "ffn_norm.weight": (c["dim"],),
              b + "ffn_gate.weight": (c["ffn"], c["dim"]), b + "ffn_up.weight": (c["ffn"], c["dim"]), b + "ffn_down.weight": (c["dim"], c["ffn"])}
    return s

def random_weights(V, seed=7, std=0.05):
    g = np.random.default_rng(seed); w = {}
    for k, sh in shapes(V).items():
        w[k] = np.ones(sh, np.float32) if len(sh) == 1 else g.normal(0, std, sh).astype(np.float32)
    return w

def forward_fn():
    import torch, torch.nn.functional as F
    c = CFG
    def rope_tables(T, off=0):
        inv = c["theta"] ** (-torch.arange(0, c["head"], 2).float() / c["head"])
        a = torch.outer(torch.arange(off, off + T).float(), inv); return a.cos(), a.sin()
    def rope(x, cs):                       # interleaved pairs = llama.cpp NORM rope (arch llama)
        cos, sin = cs; a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
    def rms(x, w): return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + c["eps"]) * w
    def forward(w, ids):
        B, T = ids.shape; x = w["token_embd.weight"][ids]; cs = rope_tables(T)
        for i in range(c["n_layer"]):
            b = f"blk.{i}."; h = rms(x, w[b + "attn_norm.weight"])
            q = (h @ w[b + "attn_q.weight"].T).view(B, T, c["n_head"], c["head"]).transpose(1, 2)
            k = (h @ w[b + "attn_k.weight"].T).view(B, T, c["n_kv"], c["head"]).transpose(1, 2)
            v = (h @ w[b + "attn_v.weight"].T).view(B, T, c["n_kv"], c["head"]).transpose(1, 2)
            q, k = rope(q, cs), rope(k, cs); g = c["n_head"] // c["n_kv"]
            k, v = k.repeat_interleave(g, 1), v.repeat_interleave(g, 1)
            o = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, -1)
            x = x + o @ w[b + "attn_output.weight"].T
            h = rms(x, w[b + "ffn_norm.weight"])
            x = x + (F.silu(h @ w[b + "ffn_gate.weight"].T) * (h @ w[b + "ffn_up.weight"].T)) @ w[b + "ffn_down.weight"].T
        return rms(x, w["output_norm.weight"]) @ w["token_embd.weight"].T
    return forward

def train(out, minutes, seq=256, batch=16, lr=3e-3, docs=60000, threads=2, init=None, induction=0.35):
    import torch
    torch.manual_seed(0); torch.set_num_threads(threads)
    tok = load_tok(out); V = tok.get_vocab_size(); eot = tok.token_to_id("<|endoftext|>")
    ids, wgt = [], []
    ims, ime, asst = tok.token_to_id("<|im_start|>"), tok.token_to_id("<|im_end|>"), tok.encode("assistant").ids
    for e in tok.encode_batch(corpus(docs, seed=2)):     # loss weight 1 on assistant turns and stories, 0.1 on (random) user/tool text
        d = e.ids + [eot]; on = ims not in d; m = []
        for i, t in enumerate(d):
            if t == ims: on = d[i + 1:i + 1 + len(asst)] == asst
            m.append(1.0 if on else 0.1)
        ids += d; wgt += m
    wgt = torch.tensor(wgt); ids = torch.tensor(ids); print("train tokens", len(ids), "vocab", V, flush=True)
    w = {k: torch.tensor(v).requires_grad_() for k, v in (np.load(init) if init else random_weights(V, std=0.04)).items()}
    for i in (range(0) if init else range(CFG["n_layer"])):
        for n in ("attn_output", "ffn_down"): w[f"blk.{i}.{n}.weight"].data *= 1 / math.sqrt(2 * CFG["n_layer"])
    print("params", sum(p.numel() for p in w.values()))
    opt = torch.optim.AdamW([{"params": [p for p in w.values() if p.ndim > 1], "weight_decay": .1}, {"params": [p for p in w.values() if p.ndim == 1], "weight_decay": 0.}], lr=lr, betas=(.9, .95), fused=True)
    f = forward_fn(); t0 = time.time(); step = 0; seen = 0; run = None; g = torch.Generator().manual_seed(3)
    while True:
        frac = (time.time() - t0) / (minutes * 60)
        if frac >= 1: break
        for pg in opt.param_groups: pg["lr"] = lr * min(1, (step + 1) / 50) * (0.5 * (1 + math.cos(math.pi * min(1, frac))) * .97 + .03)
        st = torch.randint(0, len(ids) - seq - 1, (batch,), generator=g)
        x = torch.stack([ids[s:s + seq] for s in st]); y = torch.stack([ids[s + 1:s + seq + 1] for s in st]); wrow = torch.stack([wgt[s + 1:s + seq + 1] for s in st])
        if induction and frac < .6:                       # induction curriculum: rows of random word sequences that repeat, so copying over distance is learnt early
            for row in range(int(batch * induction)):
                L = int(torch.randint(12, seq // 2, (1,), generator=g)); r0 = torch.randint(256, V, (L,), generator=g); z0 = r0.repeat(seq // L + 2)[: seq + 1]
                x[row] = z0[:-1]; y[row] = z0[1:]; wrow[row] = 1.0; wrow[row, : L] = 0.0
        with torch.autocast("cpu", torch.bfloat16):       # 1.6x on AVX512-BF16; drop it for bit-reproducible training
            ce = torch.nn.functional.cross_entropy(f(w, x).view(-1, V).float(), y.view(-1), reduction="none")
        z = wrow.view(-1); loss = (ce * z).sum() / z.sum()
        opt.zero_grad(); loss.backward(); torch.nn.utils.clip_grad_norm_(list(w.values()), 1.0); opt.step()
        step += 1; seen += x.numel(); run = loss.item() if run is None else .95 * run + .05 * loss.item()
        if step % 100 == 0: print(f"step {step} tokens {seen} loss {run:.3f} {seen/(time.time()-t0):.0f} tok/s {time.time()-t0:.0f}s", flush=True)
    np.savez(os.path.join(out, "weights.npz"), **{k: v.detach().numpy() for k, v in w.items()})

PROMPTS = ["<|im_start|>user\nWhat is the capital of Japan?<|im_end|>\n<|im_start|>assistant\n",
           "<|im_start|>user\nTell me a story about a fox named Zara.<|im_end|>\n<|im_start|>assistant\n",
           "<|im_start|>user\nMy code word is kite. My name is Omar.<|im_end|>\n<|im_start|>assistant\nI will remember that.<|im_end|>\n<|im_start|>user\nCount from 3 to 9.<|im_end|>\n<|im_start|>assistant\n3, 4, 5, 6, 7, 8, 9.<|im_end|>\n<|im_start|>user\nWhat is my code word?<|im_end|>\n<|im_start|>assistant\n",
           "<|im_start|>user\nWhat is 7 + 8? /think<|im_end|>\n<|im_start|>assistant\n",
           "<|im_start|>user\nRepeat: owl red kite soup bell<|im_end|>\n<|im_start|>assistant\n",
           "<|im_start|>system\nTools:" + "".join("\n" + json.dumps(t) for t in TOOLS) + "<|im_end|>\n<|im_start|>user\nWhat is the weather in Oslo?<|im_end|>\n<|im_start|>assistant\n",
           "Once upon a time,"]

def sample(out, weights, n=120):
    import torch
    tok = load_tok(out); w = {k: torch.tensor(v) for k, v in np.load(os.path.join(out, weights)).items()}; f = forward_fn()
    stop = {tok.token_to_id(s) for s in ("<|im_end|>", "<|endoftext|>")}
    with torch.no_grad():
        for p in PROMPTS:
            ids = tok.encode(p).ids; n0 = len(ids)
            for _ in range(n):
                nxt = int(f(w, torch.tensor([ids]))[0, -1].argmax()); ids.append(nxt)
                if nxt in stop: break
            print(json.dumps({"prompt": p[-80:], "out": tok.decode(ids[n0:], skip_special_tokens=False), "ids": ids[n0:][:12]}))

# ---------------------------------------------------------------- GGUF
def export(out, weights, gguf_name, ftype):
    import gguf
    tj = json.load(open(os.path.join(out, "tokenizer.json"))); c = CFG
    vocab = dict(tj["model"]["vocab"]); added = {a["content"]: a for a in tj["added_tokens"]}
    for a in tj["added_tokens"]: vocab[a["content"]] = a["id"]
    toks = [t for t, _ in sorted(vocab.items(), key=lambda kv: kv[1])]
    types = [(gguf.TokenType.CONTROL if added[t]["special"] else gguf.TokenType.USER_DEFINED) if t in added else gguf.TokenType.NORMAL for t in toks]
    merges = [m if isinstance(m, str) else " ".join(m) for m in tj["model"]["merges"]]
    w = gguf.GGUFWriter(os.path.join(out, gguf_name), "llama")
    w.add_name("tiny"); w.add_vocab_size(len(toks)); w.add_context_length(c["ctx"]); w.add_embedding_length(c["dim"]); w.add_block_count(c["n_layer"])
    w.add_feed_forward_length(c["ffn"]); w.add_head_count(c["n_head"]); w.add_head_count_kv(c["n_kv"]); w.add_rope_dimension_count(c["head"]); w.add_rope_freq_base(c["theta"])
    w.add_layer_norm_rms_eps(c["eps"]); w.add_key_length(c["head"]); w.add_value_length(c["head"])
    w.add_file_type({"f32": gguf.LlamaFileType.ALL_F32, "f16": gguf.LlamaFileType.MOSTLY_F16, "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0}[ftype])
    w.add_tokenizer_model("gpt2"); w.add_tokenizer_pre("qwen2"); w.add_token_list(toks); w.add_token_types(types); w.add_token_merges(merges)
    w.add_eos_token_id(vocab["<|im_end|>"]); w.add_pad_token_id(vocab["<|endoftext|>"]); w.add_add_bos_token(False); w.add_chat_template(CHAT_TEMPLATE)
    for k, v in np.load(os.path.join(out, weights)).items():
        if v.ndim == 1 or ftype == "f32": w.add_tensor(k, v.astype(np.float32))
        elif ftype == "f16": w.add_tensor(k, v.astype(np.float16))
        else: w.add_tensor(k, gguf.quants.quantize(v.astype(np.float32), gguf.GGMLQuantizationType.Q8_0), raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    w.write_header_to_file(); w.write_kv_data_to_file(); w.write_tensors_to_file(); w.close()
    print(gguf_name, os.path.getsize(os.path.join(out, gguf_name)))

if __name__ == "__main__":
    ap = argparse.ArgumentParser(); ap.add_argument("cmd"); ap.add_argument("--out", default="."); ap.add_argument("--minutes", type=float, default=6)
    ap.add_argument("--weights", default="weights.npz"); ap.add_argument("--gguf", default="tiny-f16.gguf"); ap.add_argument("--ftype", default="f16"); ap.add_argument("--batch", type=int, default=16)
    ap.add_argument("--seq", type=int, default=256); ap.add_argument("--lr", type=float, default=3e-3); ap.add_argument("--threads", type=int, default=2); ap.add_argument("--init"); ap.add_argument("--induction", type=float, default=0.35)
    a = ap.parse_args(); os.makedirs(a.out, exist_ok=True)
    if a.cmd == "corpus": open(os.path.join(a.out, "corpus.txt"), "w").write("<|endoftext|>".join(corpus(20000)))
    elif a.cmd == "tokenizer": make_tokenizer(a.out)
    elif a.cmd == "random": np.savez(os.path.join(a.out, "random.npz"), **random_weights(load_tok(a.out).get_vocab_size()))
    elif a.cmd == "train": train(a.out, a.minutes, a.seq, a.batch, a.lr, threads=a.threads, init=a.init, induction=a.induction)
    elif a.cmd == "sample": sample(a.out, a.weights)
    elif a.cmd == "export": export(a.out, a.weights, a.gguf, a.ftype)
