"""What every server is asked about."""

QUESTION = "What is the capital of Japan?"
CHAT = [{"role": "user", "content": QUESTION}]
SYSTEM_CHAT = [{"role": "system", "content": "You are helpful."}, *CHAT]
TURNS = [*CHAT, {"role": "assistant", "content": "Tokyo."}, {"role": "user", "content": "Naïve café, 東京 🗼?"}]
TOOLS = [{
    "type": "function",
    "function": {
        "name": "get_weather", "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}]  # fmt: skip
# Chats whose prompts are compared with those that another renders and encodes: messages, and the tools that go with them.
CHATS = {"plain": (CHAT, None), "system": (SYSTEM_CHAT, None), "turns": (TURNS, None), "tools": (CHAT, TOOLS)}


def chat_bodies():
    """The members of a request for each of them."""
    for name, (messages, tools) in CHATS.items():
        yield name, {"messages": messages, **({"tools": tools} if tools else {})}


def chat_text(question=QUESTION, times=1):
    """As the model's template writes it; the question several times makes a longer one that begins alike."""
    return f"<|im_start|>user\n{question}<|im_end|>\n" * times + "<|im_start|>assistant\n"
