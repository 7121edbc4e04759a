"""What is asked, and what an answer has to be. Each kind yields one request and judges one answer; an answer that is wrong raises `Wrong`."""

import hashlib
import json

from place import SPLIT, WHOLE

# Questions that are asked again, so that answers can be held to one another: what is known of each is sixteen bytes.
KNOWN_QUESTIONS = 4096
WORDS = "amber basin cedar delta ember fjord grove harbor island jungle kernel lagoon meadow north orchard prairie quarry river summit tundra".split()
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city", "days"], "additionalProperties": False}}}  # fmt: skip
FORM = {"type": "json_schema", "json_schema": {"name": "place", "schema": {
    "type": "object", "properties": {"name": {"type": "string"}, "height": {"type": "number"}}, "required": ["name", "height"], "additionalProperties": False}}}  # fmt: skip


class Wrong(Exception):
    """An answer came, and is not what it has to be."""


def prose(random, length):
    text = ""
    while len(text) < length:
        text += random.choice(WORDS) + " "
    return text[:length]


class Memory:
    """The same question has the same answer, whatever happens meanwhile: the first one is kept, as a digest."""

    def __init__(self):
        self.answers = {}
        self.compared = 0

    def hold(self, question, answer):
        key = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).digest()[:16]
        digest = hashlib.sha256(answer.encode()).digest()[:16]
        if key in self.answers:
            self.compared += 1
            if self.answers[key] != digest:
                raise Wrong(f"a question that was asked before has another answer: …{answer[-80:]!r}")
        elif len(self.answers) < KNOWN_QUESTIONS:
            self.answers[key] = digest


def expect(holds, complaint):
    if not holds:
        raise Wrong(complaint)


class Asking:
    """Requests by seed. A third of the questions come from a small stock, so that they come again."""

    def __init__(self, random, memory):
        self.random, self.memory = random, memory

    def question(self, low=16, high=400):
        if self.random.random() < 0.35:
            stock = type(self.random)(self.random.randrange(150))
            return prose(stock, stock.randint(low, high)), stock.randint(8, 120)
        return prose(self.random, self.random.randint(low, high)), self.random.randint(8, 120)

    def chat(self, model, text, tokens, **more):
        return {"model": model, "max_tokens": tokens, "ignore_eos": True, "seed": 7, "messages": [{"role": "user", "content": text}], **more}

    # Each: path, body, and what judges the status-200 answer, a stream or a body.

    def short_stream(self):
        return "/v1/chat/completions", self.streamed(self.chat(self.model(), *self.question())), self.stream_of_chat

    def long_stream(self):
        text, tokens = self.question(1500, 6000)
        return "/v1/chat/completions", self.streamed(self.chat(self.model(), text, 2 * tokens)), self.stream_of_chat

    def short_unary(self):
        return "/v1/chat/completions", self.chat(self.model(), *self.question()), self.body_of_chat

    def completion_of_tokens(self):
        text, tokens = self.question()
        return "/v1/completions", {"model": self.model(), "prompt": list(text.encode()), "max_tokens": tokens, "ignore_eos": True, "seed": 7}, self.body_of_completion

    def prompts(self):
        texts = [self.question()[0] for _ in range(3)]
        return "/v1/completions", {"model": self.model(), "prompt": texts, "max_tokens": 12, "n": 2, "ignore_eos": True, "seed": 7}, self.body_of_completion

    def tools(self):
        body = self.chat(WHOLE, self.question()[0], 400, tools=[WEATHER], tool_choice="required")
        return "/v1/chat/completions", {**body, "ignore_eos": False}, self.call_of_chat

    def form(self):
        return "/v1/chat/completions", {**self.chat(self.model(), self.question()[0], 400, response_format=FORM), "ignore_eos": False}, self.form_of_chat

    def embeddings(self):
        return "/v1/embeddings", {"model": WHOLE, "input": [self.question()[0] for _ in range(3)], "encoding_format": "base64"}, self.vectors

    def responses(self):
        text, tokens = self.question()
        return "/v1/responses", {"model": self.model(), "input": text, "max_output_tokens": tokens + 16, "stream": True}, self.stream_of_responses

    def messages(self):
        text, tokens = self.question()
        body = {"model": self.model(), "max_tokens": tokens, "stream": True, "messages": [{"role": "user", "content": text}]}
        return "/v1/messages", body, self.stream_of_messages

    def next_turn_ahead(self):
        path, body, judge = self.short_unary()
        return path, {**body, "nvext": {"agent_hints": {"speculative_prefill": True}}}, judge

    def tokenize(self):
        return "/tokenize", {"model": WHOLE, "prompt": self.question()[0]}, self.tokens

    def models(self):
        return "/v1/models", None, self.list_of_models

    def model(self):
        return SPLIT if self.random.random() < 0.35 else WHOLE

    @staticmethod
    def streamed(body):
        return {**body, "stream": True, "stream_options": {"include_usage": True}}

    # MARK: What answers have to be

    async def stream_of_chat(self, talk, body):
        text, finish, usage, done = "", None, None, False
        async for _, data in talk.events():
            if data == b"[DONE]":
                done = True
                continue
            event = json.loads(data)
            expect("error" not in event, f"an error in a stream: {str(event)[:200]}")
            for choice in event["choices"]:
                text += choice["delta"].get("content") or ""
                finish = choice["finish_reason"] or finish
            usage = event.get("usage") or usage
        expect(done, "a stream ends without [DONE]")
        self.counted(body, text, finish, usage)

    async def body_of_chat(self, talk, body):
        answer = json.loads(await talk.body())
        choice = answer["choices"][0]
        self.counted(body, choice["message"]["content"], choice["finish_reason"], answer["usage"])

    def counted(self, body, text, finish, usage):
        expect(finish == "length", f"finish_reason {finish!r}")
        expect(usage and usage["completion_tokens"] == body["max_tokens"], f"{usage and usage['completion_tokens']} of {body['max_tokens']} tokens")
        self.memory.hold([body["model"], body["messages"], body["max_tokens"]], text)

    async def body_of_completion(self, talk, body):
        answer = json.loads(await talk.body())
        prompts = 1 if isinstance(body["prompt"][0], int) else len(body["prompt"])
        wanted = prompts * body.get("n", 1)
        expect(sorted(choice["index"] for choice in answer["choices"]) == list(range(wanted)), f"{len(answer['choices'])} of {wanted} choices")
        expect(answer["usage"]["completion_tokens"] == wanted * body["max_tokens"], "tokens of a completion are missing")
        texts = [choice["text"] for choice in sorted(answer["choices"], key=lambda choice: choice["index"])]
        self.memory.hold([body["model"], body["prompt"], body["max_tokens"]], "\0".join(texts))

    async def call_of_chat(self, talk, body):
        choice = json.loads(await talk.body())["choices"][0]
        calls = choice["message"].get("tool_calls") or []
        expect(choice["finish_reason"] == "tool_calls" and calls, f"no call of a tool: {str(choice)[:200]}")
        expect(set(json.loads(calls[0]["function"]["arguments"])) == {"city", "days"}, "a call's arguments have not the form that was asked for")

    async def form_of_chat(self, talk, body):
        choice = json.loads(await talk.body())["choices"][0]
        expect(choice["finish_reason"] == "stop" and set(json.loads(choice["message"]["content"])) == {"name", "height"}, f"not of the form: {str(choice)[:200]}")

    async def vectors(self, talk, body):
        answer = json.loads(await talk.body())
        expect(len(answer["data"]) == len(body["input"]), "vectors are missing")
        self.memory.hold(body["input"], "".join(item["embedding"] for item in answer["data"]))

    async def stream_of_responses(self, talk, body):
        events = [event async for event in talk.events()]
        expect(events and events[-1][0] in ("response.completed", "response.incomplete"), f"a response ends with {events[-2:]}")

    async def stream_of_messages(self, talk, body):
        events = [event async for event in talk.events()]
        expect(events and events[-1][0] == "message_stop", f"a message ends with {events[-1:]}")

    async def tokens(self, talk, body):
        expect(json.loads(await talk.body())["count"] >= len(body["prompt"]), "tokens of a text are missing")

    async def list_of_models(self, talk, body):
        expect({model["id"] for model in json.loads(await talk.body())["data"]} >= {WHOLE, SPLIT}, "a model is not listed")


# How often each kind comes, of a thousand.
SHARES = {
    "short_stream": 330, "short_unary": 180, "long_stream": 90, "completion_of_tokens": 80, "prompts": 40, "tools": 40, "form": 40,
    "embeddings": 40, "responses": 40, "messages": 40, "next_turn_ahead": 30, "tokenize": 30, "models": 20,
}  # fmt: skip
