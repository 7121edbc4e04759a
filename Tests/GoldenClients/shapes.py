"""The shapes of answers, by OpenAI's published description of its API: members that must be there, their types, and no others but these."""


class Wrong(Exception):
    """Where an answer departs from its shape."""


def Maybe(shape):
    """May be absent."""
    return ("maybe", shape)


def OrNull(shape):
    return ("null", shape)


def Each(shape):
    return ("each", shape)


def OneOf(*words):
    return ("words", words)


def hold(value, shape, place="$"):
    """Raises `Wrong` where the value has not the shape."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            raise Wrong(f"{place} is no object: {value!r:.80}")
        for name, inner in shape.items():
            is_optional = isinstance(inner, tuple) and inner[0] == "maybe"
            if name in value:
                hold(value[name], inner[1] if is_optional else inner, f"{place}.{name}")
            elif not is_optional:
                raise Wrong(f"{place}.{name} is missing")
        if extra := sorted(set(value) - set(shape)):
            raise Wrong(f"{place} has members that nobody describes: {', '.join(extra)}")
    elif isinstance(shape, tuple) and shape[0] == "null":
        if value is not None:
            hold(value, shape[1], place)
    elif isinstance(shape, tuple) and shape[0] == "each":
        if not isinstance(value, list):
            raise Wrong(f"{place} is no array: {value!r:.80}")
        for index, element in enumerate(value):
            hold(element, shape[1], f"{place}[{index}]")
    elif isinstance(shape, tuple) and shape[0] == "words":
        if value not in shape[1]:
            raise Wrong(f"{place} is {value!r}, and none of {shape[1]}")
    elif shape is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Wrong(f"{place} is no number: {value!r:.80}")
    elif not isinstance(value, shape) or (shape is int and isinstance(value, bool)):
        raise Wrong(f"{place} is no {shape.__name__}: {value!r:.80}")


USAGE = {
    "prompt_tokens": int, "completion_tokens": int, "total_tokens": int, "prompt_tokens_details": Maybe({"cached_tokens": int}),
    "completion_tokens_details": Maybe({"reasoning_tokens": int}),
}  # fmt: skip
FINISH = OneOf("stop", "length", "tool_calls", "content_filter")
TOKEN = {"token": str, "logprob": float, "bytes": OrNull(Each(int))}
CHAT_LOGPROBS = OrNull({"content": OrNull(Each({**TOKEN, "top_logprobs": Each(TOKEN)})), "refusal": OrNull(Each(TOKEN))})
CALL = {"id": str, "type": OneOf("function"), "function": {"name": str, "arguments": str}}
CALL_DELTA = {"index": int, "id": Maybe(str), "type": Maybe(OneOf("function")), "function": {"name": Maybe(str), "arguments": Maybe(str)}}
# `reasoning_content` is no word of OpenAI's; clients know it from other servers.
MESSAGE = {
    "role": OneOf("assistant"), "content": OrNull(str), "refusal": OrNull(str), "tool_calls": Maybe(Each(CALL)), "reasoning_content": Maybe(OrNull(str)),
}  # fmt: skip
DELTA = {
    "role": Maybe(OneOf("assistant")), "content": Maybe(OrNull(str)), "refusal": Maybe(OrNull(str)), "tool_calls": Maybe(Each(CALL_DELTA)),
    "reasoning_content": Maybe(OrNull(str)),
}  # fmt: skip
CHAT = {
    "id": str, "object": OneOf("chat.completion"), "created": int, "model": str, "usage": USAGE,
    "choices": Each({"index": int, "message": MESSAGE, "logprobs": CHAT_LOGPROBS, "finish_reason": FINISH}),
}  # fmt: skip
CHAT_CHUNK = {
    "id": str, "object": OneOf("chat.completion.chunk"), "created": int, "model": str, "usage": Maybe(OrNull(USAGE)),
    "choices": Each({"index": int, "delta": DELTA, "logprobs": Maybe(CHAT_LOGPROBS), "finish_reason": OrNull(FINISH)}),
}  # fmt: skip
TEXT_LOGPROBS = {"tokens": Each(str), "token_logprobs": Each(OrNull(float)), "top_logprobs": Each(OrNull(dict)), "text_offset": Each(int)}
TEXT_CHOICE = {"index": int, "text": str, "logprobs": OrNull(TEXT_LOGPROBS)}
TEXT = {
    "id": str, "object": OneOf("text_completion"), "created": int, "model": str, "usage": USAGE, "choices": Each({**TEXT_CHOICE, "finish_reason": FINISH}),
}  # fmt: skip
TEXT_CHUNK = {**TEXT, "usage": Maybe(OrNull(USAGE)), "choices": Each({**TEXT_CHOICE, "finish_reason": OrNull(FINISH)})}
# What is behind `owned_by` other servers tell, too.
MODEL = {
    "id": str, "object": OneOf("model"), "created": int, "owned_by": str, "root": Maybe(str), "parent": Maybe(OrNull(str)), "max_model_len": Maybe(int),
    "context_length": Maybe(int), "context_window": Maybe(int), "permission": Maybe(list),
}  # fmt: skip
MODELS = {"object": OneOf("list"), "data": Each(MODEL)}
ERROR = {"error": {"message": str, "type": str, "param": OrNull(str), "code": OrNull(str)}}
EMBEDDINGS = {
    "object": OneOf("list"), "model": str, "usage": {"prompt_tokens": int, "total_tokens": int},
    "data": Each({"object": OneOf("embedding"), "index": int, "embedding": (list, str)}),
}  # fmt: skip
