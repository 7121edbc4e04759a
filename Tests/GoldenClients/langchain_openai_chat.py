"""langchain-openai: ChatOpenAI as agents use it, and its embeddings."""

import asyncio
import importlib.metadata

import openai
from checks import check, run, same, url
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

ONE_CALL = "What is the weather in Paris?"


def chat(model="tiny", **options):
    return ChatOpenAI(base_url=url(), api_key="none", model=model, max_retries=0, **{"max_tokens": 200, **options})


class Place(BaseModel):
    """A place."""

    name: str
    population: int


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"It is sunny in {city}."


@check("invoke, with a system message and turns")
def invoke():
    answer = chat(max_tokens=12).invoke([SystemMessage("Be short."), HumanMessage("Hello"), AIMessage("Hi."), HumanMessage("And now?")])
    assert isinstance(answer, AIMessage) and isinstance(answer.content, str)
    assert answer.response_metadata["finish_reason"] in ("stop", "length") and answer.response_metadata["model_name"] == "tiny"
    same(answer.usage_metadata["total_tokens"], answer.usage_metadata["input_tokens"] + answer.usage_metadata["output_tokens"])


@check("stream, with the usage at its end")
def stream():
    whole = None
    for chunk in chat("apus-mock", max_tokens=12, seed=4, stream_usage=True).stream("Hello"):
        whole = chunk if whole is None else whole + chunk
    same(whole.content, chat("apus-mock", max_tokens=12, seed=4).invoke("Hello").content)
    assert whole.usage_metadata["output_tokens"] > 0


@check("ainvoke, astream and abatch")
def asynchronous():
    async def all_of_them():
        model = chat(max_tokens=6)
        assert (await model.ainvoke("Hello")).content is not None
        assert [chunk async for chunk in model.astream("Hello")]
        return await model.abatch(["One", "Two", "Three"])

    same(len(asyncio.run(all_of_them())), 3)


@check("bind_tools: a call, its result, the answer; and streamed")
def tools():
    model = chat().bind_tools([get_weather])
    question = HumanMessage(ONE_CALL)
    answer = model.invoke([question])
    same([(call["name"], call["args"]["city"]) for call in answer.tool_calls], [("get_weather", "Paris")])
    same(answer.invalid_tool_calls, [])
    result = get_weather.invoke(answer.tool_calls[0])
    assert isinstance(result, ToolMessage)
    same(model.invoke([question, answer, result]).content, "It is 21 degrees there.")
    whole = None
    for chunk in model.stream([question]):
        whole = chunk if whole is None else whole + chunk
    same([(call["name"], call["args"]["city"]) for call in whole.tool_calls], [("get_weather", "Paris")])


@check("bind_tools: one is demanded")
def demanded():
    for choice in ("any", "get_weather"):
        answer = chat().bind_tools([get_weather], tool_choice=choice).invoke("Hello")
        same({call["name"] for call in answer.tool_calls}, {"get_weather"})


@check("with_structured_output, by schema and by a call")
def structured():
    for method in ("json_schema", "function_calling"):
        place = chat().with_structured_output(Place, method=method).invoke("A place.")
        assert isinstance(place, Place), (method, place)


@check("an unknown model raises the client's error")
def unknown_model():
    # Wrapped by some versions in one of their own, which is the client's too.
    try:
        chat("gpt-5").invoke("Hello")
    except openai.NotFoundError as error:
        same(error.code, "model_not_found")
    else:
        raise AssertionError("nothing was raised")


@check("OpenAIEmbeddings")
def embeddings():
    model = OpenAIEmbeddings(base_url=url(), api_key="none", model="tiny", check_embedding_ctx_length=False, max_retries=0)
    # It sends up to a thousand in one body.
    vectors = model.embed_documents(["Hello", "Good night"] + [f"text {number}" for number in range(300)])
    same(len(vectors), 302)
    same(vectors[0], model.embed_query("Hello"))
    assert vectors[0] != vectors[1]


if __name__ == "__main__":
    run(f"langchain-openai {importlib.metadata.version('langchain-openai')}")
