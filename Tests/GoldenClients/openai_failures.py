"""openai-python: which exception a failure becomes, and whether the client tries again."""

import importlib.metadata
import threading
import time

import httpx
import openai
from checks import KEYS, check, raises, run, same, url

MODEL = "apus-mock"
MAJOR = int(importlib.metadata.version("openai").split(".")[0])
HELLO = [{"role": "user", "content": "Hello"}]
# Within which a place is free whose client left; its stream would have gone on for minutes.
LEFT_SECONDS = 10
# For how long a place stays taken while another client tries; more than it takes to send a request on a busy machine.
HELD_SECONDS = 1.5


def client_of(place="main", **options):
    return openai.OpenAI(base_url=url(place), api_key="none", **{"max_retries": 0, **options})


client = client_of()


def refused(kind, param, code, **request):
    request = {"model": MODEL, "messages": HELLO, "max_tokens": 4, **request}
    error = raises(kind, lambda: client.chat.completions.create(**request))
    same((error.param, error.code, error.type), (param, code, "invalid_request_error"), "param, code and type")
    assert error.request_id and error.message, error
    return error


@check("BadRequestError names the field, in both APIs and streamed")
def bad_requests():
    refused(openai.BadRequestError, "temperature", "decimal_above_max_value", temperature=9)
    refused(openai.BadRequestError, "max_tokens", "invalid_type", max_tokens="many")
    refused(openai.BadRequestError, "messages[0].role", "invalid_value", messages=[{"role": "robot", "content": "Hello"}])
    refused(openai.BadRequestError, "messages", "empty_array", messages=[])
    refused(openai.BadRequestError, "temperature", "decimal_above_max_value", temperature=9, stream=True)
    error = raises(openai.BadRequestError, lambda: client.completions.create(model=MODEL, prompt="x", max_tokens=0))
    same((error.param, error.code), ("max_tokens", "integer_below_min_value"))
    same(error.body["param"], "max_tokens")


@check("a prompt beyond the context is context_length_exceeded")
def context_length():
    refused(openai.BadRequestError, "messages", "context_length_exceeded", messages=[{"role": "user", "content": "word " * 20_000}])


@check("an unknown model is NotFoundError, in both APIs")
def unknown_model():
    same(refused(openai.NotFoundError, "model", "model_not_found", model="gpt-5").status_code, 404)
    same(raises(openai.NotFoundError, lambda: client.completions.create(model="gpt-5", prompt="x")).code, "model_not_found")


@check("what is not served is NotFoundError")
def not_served():
    for call in (lambda: client.fine_tuning.jobs.list(), lambda: client.images.generate(prompt="A duck", model=MODEL)):
        error = raises(openai.NotFoundError, call)
        same((error.type, error.param), ("invalid_request_error", None))
        assert error.code in ("unknown_url", "not_found"), error.code


def keyed(key, **options):
    return openai.OpenAI(base_url=url("guarded"), api_key=key, **{"max_retries": 0, **options})


@check("without a key, or with a wrong one, AuthenticationError; with a right one an answer")
def keys():
    right = KEYS["any"]
    for wrong in ("none", right[:-1], right + "x", right.upper()):
        for call in (keyed(wrong).models.list, lambda: keyed(wrong).chat.completions.create(model=MODEL, messages=HELLO)):
            error = raises(openai.AuthenticationError, call)
            same((error.status_code, error.code), (401, "invalid_api_key"))
            assert right not in str(error), "an error that tells the key"
    assert keyed(right).chat.completions.create(model=MODEL, messages=HELLO, max_tokens=2).choices
    same(sorted(model.id for model in keyed(right).models.list()), [MODEL, "other"])


@check("a tenant has the models that are its own, and as many requests at once; more is RateLimitError", alone="guarded")
def tenants():
    same([model.id for model in keyed(KEYS["narrow"]).models.list()], ["other"])
    error = raises(openai.NotFoundError, lambda: keyed(KEYS["narrow"]).chat.completions.create(model=MODEL, messages=HELLO))
    same(error.code, "model_not_found")
    stream = keyed(KEYS["narrow"]).chat.completions.create(model="other", messages=HELLO, max_tokens=2000, stream=True)
    next(iter(stream))
    error = raises(openai.RateLimitError, lambda: keyed(KEYS["narrow"]).chat.completions.create(model="other", messages=HELLO, max_tokens=1))
    same((error.code, error.type), ("rate_limit_exceeded", "rate_limit_error"))
    assert 1 <= int(error.response.headers["retry-after"]) <= 120
    closed_later(stream)
    assert keyed(KEYS["narrow"], max_retries=6).chat.completions.create(model="other", messages=HELLO, max_tokens=1).choices


@check("a failure in the middle of a stream is APIError, behind what came before it", alone="broken")
def error_event():
    broken = client_of("broken", max_retries=4)
    for create in (
        lambda: broken.chat.completions.create(model="failing", messages=HELLO, max_tokens=40, stream=True),
        lambda: broken.completions.create(model="failing", prompt="Hello", max_tokens=40, stream=True),
    ):
        finishes, chunks = [], []

        def read():
            for chunk in create():
                chunks.append(chunk)
                finishes.extend(choice.finish_reason for choice in chunk.choices if choice.finish_reason)

        ended(raises(openai.APIError, read))
        assert len(chunks) > 3 and not finishes, f"{len(chunks)} chunks, finishes {finishes}"


@check("a failure before an answer in one body is InternalServerError", alone="broken")
def error_body():
    broken = client_of("broken", max_retries=0)
    error = raises(openai.InternalServerError, lambda: broken.chat.completions.create(model="failing", messages=HELLO, max_tokens=40))
    ended(error)
    assert error.status_code in (500, 503) and error.request_id in str(error), "our own faults tell the request's id"


def ended(error):
    """The worker failed, and no other could go on: which of these a client reads depends on who noticed first."""
    assert error.code in ("engine_failed", "worker_lost", "no_worker"), error.code
    same(error.type, "server_error")


def held(place, model):
    """Somebody else's stream, of which the first part has come; it holds its place until it is closed."""
    stream = client_of(place).chat.completions.create(
        model=model, messages=HELLO, max_tokens=2000, stream=True, extra_body={"ignore_eos": True})
    next(iter(stream))
    return stream


def closed_later(stream):
    """Leaves it when another client was refused at least once."""
    threading.Timer(HELD_SECONDS, stream.close).start()


class Attempts:
    """The requests that a client sends and what comes back, with when: to be passed to it."""

    def __init__(self):
        self.sent, self.refused = [], []
        hooks = {"request": [lambda request: self.sent.append(time.monotonic())], "response": [self.answered]}
        self.client = httpx.Client(event_hooks=hooks, timeout=30)

    def answered(self, response):
        if response.status_code != 200:
            self.refused.append((time.monotonic(), float(response.headers["retry-after"])))

    def hold(self, retries):
        """Each came again, and no sooner than it was told to."""
        same((len(self.refused), len(self.sent)), (retries, retries + 1), "refusals and attempts")
        assert retries >= 1, "nothing was refused"
        for (when, told), again in zip(self.refused, self.sent[1:], strict=True):
            assert again - when >= told, f"told to wait {told} s, the client came again after {again - when:.2f} s"


@check("503 with Retry-After is tried again until there is room; without retries it is InternalServerError", alone="one_at_once")
def retries_503():
    stream = held("one_at_once", "slow")
    error = raises(openai.InternalServerError, lambda: client_of("one_at_once").chat.completions.create(model=MODEL, messages=HELLO))
    same((error.status_code, error.code), (503, "overloaded"))
    assert 1 <= int(error.response.headers["retry-after"]) <= 120
    closed_later(stream)
    attempts = Attempts()
    patient = client_of("one_at_once", max_retries=6, http_client=attempts.client)
    raw = patient.chat.completions.with_raw_response.create(model=MODEL, messages=HELLO, max_tokens=2)
    same(len(raw.parse().choices), 1)
    attempts.hold(raw.retries_taken)


@check("429 with Retry-After is tried again until there is room; without retries it is RateLimitError", alone="full")
def retries_429():
    stream = held("full", "full")
    error = raises(openai.RateLimitError, lambda: client_of("full").chat.completions.create(model="full", messages=HELLO))
    same((error.status_code, error.code, error.type), (429, "queue_full", "rate_limit_error"))
    assert 1 <= int(error.response.headers["retry-after"]) <= 120
    closed_later(stream)
    attempts = Attempts()
    patient = client_of("full", max_retries=6, http_client=attempts.client)
    attempts.hold(patient.chat.completions.with_raw_response.create(model="full", messages=HELLO, max_tokens=1).retries_taken)


@check("x-should-retry: false is obeyed: a request that kills workers comes once", alone="broken")
def quarantined():
    raw = client_of("broken", max_retries=5)
    began = time.monotonic()
    error = raises(openai.InternalServerError, lambda: raw.chat.completions.create(model="deadly", messages=HELLO, max_tokens=12))
    same((error.status_code, error.code), (500, "quarantined"))
    same(error.response.headers["x-should-retry"], "false")
    same(error.response.request.headers.get("x-stainless-retry-count"), "0", "retries")
    assert time.monotonic() - began < 20


@check("a client's own timeout is APITimeoutError, before an answer and between chunks")
def timeouts():
    slow = client_of(timeout=0.3)
    raises(openai.APITimeoutError, lambda: slow.chat.completions.create(model="slow", messages=HELLO, max_tokens=40))
    answer = client_of(timeout=20).chat.completions.create(model="slow", messages=HELLO, max_tokens=2)
    assert answer.choices
    chunks = []

    def read():
        halting = client_of("broken", timeout=1)
        chunks.extend(halting.chat.completions.create(model="halting", messages=HELLO, max_tokens=4, stream=True))

    # Older clients pass on, in the middle of a stream, what the library below them raises.
    raises(openai.APITimeoutError if MAJOR >= 3 else httpx.ReadTimeout, read)
    assert chunks, "the timeout came before the first chunk"


@check("a stream that is left in its middle gives its place to the next request", alone="full")
def left_early():
    began = time.monotonic()
    with held("full", "full"):
        raises(openai.RateLimitError, lambda: client_of("full").chat.completions.create(model="full", messages=HELLO))
    while True:
        try:
            assert client_of("full").chat.completions.create(model="full", messages=HELLO, max_tokens=1).choices
            return
        except openai.RateLimitError:
            assert time.monotonic() - began < LEFT_SECONDS, "the place of a stream that was left is still taken"
            time.sleep(0.05)


@check("nobody listens: APIConnectionError")
def nobody():
    gone = openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="none", max_retries=0)
    raises(openai.APIConnectionError, lambda: gone.models.list())


if __name__ == "__main__":
    run(f"openai {importlib.metadata.version('openai')}")
