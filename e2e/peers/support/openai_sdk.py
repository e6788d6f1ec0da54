"""Cases for OpenAI's own SDK for Python against a gateway. Without arguments it lists them; `NAME WORLD` plays one.

WORLD is JSON: where the gateway is (`url`, `token`), where its providers tell what they were asked (`providers`), and what they do.
"""

import asyncio
import json
import sys
import urllib.request
from pathlib import Path

import openai
from openai import AsyncOpenAI, OpenAI

TOLD = ["anthropic/told", "openai/told"]
"""Both wires behind the gateway."""
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def user(content):
    return {"role": "user", "content": content}


def calls(*steps):
    return user(f"Please. CALLS {json.dumps(steps)}")


class World:
    def __init__(self, told):
        self.__dict__ |= json.loads(told)
        self.total = self.tokens["input"] + self.tokens["output"]

    def client(self, kind=OpenAI, **options):
        """One that tries nothing again, so that a failure is the first one."""
        return kind(**({"base_url": self.url, "api_key": self.token, "max_retries": 0} | options))

    def provider(self, path):
        with urllib.request.urlopen(f"{self.providers}/{path}") as answer:
            return answer.read().decode()

    def asked(self):
        return json.loads(self.provider("asked"))

    def left(self, model):
        """Waits until that model was left before its answer's end."""
        self.provider(f"left/{model}")


def failure(ask):
    try:
        answer = ask()
    except openai.OpenAIError as error:
        return error
    raise AssertionError(f"an answer: {answer}")


@case
def models(world):
    """models are listed, found by their names, and missed"""
    client = world.client()
    assert [model.id for model in client.models.list()] == ["smoltbot", *TOLD]
    assert client.models.retrieve("openai/told").owned_by == "openai"
    missed = failure(lambda: client.models.retrieve("gpt-none"))
    assert isinstance(missed, openai.NotFoundError), missed
    assert missed.code == "model_not_found", missed


@case
def conversation(world):
    """a conversation is answered with its history, its limits and its cost"""
    messages = [
        {"role": "system", "content": "Be brief."},
        user("My colour is blue."),
        {"role": "assistant", "content": "Noted."},
        user([{"type": "text", "text": "Which is it?"}]),
    ]
    for model in ["smoltbot", *TOLD]:
        answer = world.client().chat.completions.create(
            model=model, messages=messages, max_completion_tokens=50, temperature=0.5, stop=["END"], user="ann", seed=1
        )
        choice = answer.choices[0]
        assert (choice.message.content, choice.finish_reason) == ("You said: Which is it?", "stop"), answer
        assert (choice.message.role, choice.message.tool_calls) == ("assistant", None), answer
        assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (world.tokens["input"], world.total), answer
        assert answer.usage.prompt_tokens_details.cached_tokens == world.tokens["cached"], answer
        assert answer.id.endswith(answer._request_id), "a request is known by its run"
        sent = json.dumps(world.asked()[-1])
        for part in ["Be brief.", "My colour is blue.", "Noted.", "END"]:
            assert part in sent, sent


@case
def streaming(world):
    """a stream has the same words, and its cost where that is asked for"""
    for model in TOLD:
        words, usages, reasons = "", [], []
        stream = world.client().chat.completions.create(
            model=model, messages=[user("Count.")], stream=True, stream_options={"include_usage": True}
        )
        for chunk in stream:
            usages.append(chunk.usage)
            for choice in chunk.choices:
                words += choice.delta.content or ""
                reasons.append(choice.finish_reason)
        assert words == "You said: Count.", words
        assert usages.pop().total_tokens == world.total
        assert not any(usages), "the cost is the last piece"
        assert reasons.pop() == "stop"
        assert not any(reasons)
        for chunk in world.client().chat.completions.create(model=model, messages=[user("Count.")], stream=True):
            assert chunk.usage is None


@case
def own_tools(world):
    """the client's own tools are told to it, whole or streamed, and their results to the model"""
    client = world.client()
    asked = calls([{"tool": "weather", "params": {"city": city}} for city in ("Oslo", "Rome")])
    for model in TOLD:
        whole = client.chat.completions.create(model=model, messages=[asked], tools=[WEATHER], tool_choice="auto")
        with client.chat.completions.stream(model=model, messages=[asked], tools=[WEATHER]) as stream:
            kinds = [event.type for event in stream]
            streamed = stream.get_final_completion()
        assert kinds.count("tool_calls.function.arguments.done") == 2, kinds
        for answer in (whole, streamed):
            choice = answer.choices[0]
            assert choice.finish_reason == "tool_calls", answer
            told = [(call.type, call.function.name, json.loads(call.function.arguments)["city"]) for call in choice.message.tool_calls]
            assert told == [("function", "weather", "Oslo"), ("function", "weather", "Rome")], told
            results = [{"role": "tool", "tool_call_id": call.id, "content": "cold"} for call in choice.message.tool_calls]
            said = choice.message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
            end = client.chat.completions.create(model=model, messages=[asked, said, *results], tools=[WEATHER])
            assert end.choices[0].message.content == "They said: cold | cold", end


@case
def acting(world):
    """without tools of its own the agent acts, and every call is on the edge"""
    messages = [calls(world.allowed, world.refused)]
    raw = world.client().chat.completions.with_raw_response.create(model="smoltbot", messages=messages)
    words = raw.parse().choices[0].message.content
    assert "allowed" in words and "| The conscience refused this call" in words, words
    assert not (Path(world.home) / "workspace" / "refused").exists()
    print(raw.request_id)


@case
def errors(world):
    """each failure is raised as the SDK has it, streamed or not"""
    client, stranger = world.client(), world.client(api_key="wrong")
    table = [
        (stranger, "smoltbot", openai.AuthenticationError, 401, "invalid_api_key"),
        (client, "anthropic/limited", openai.RateLimitError, 429, "rate_limit_exceeded"),
        (client, "openai/unpaid", openai.RateLimitError, 429, "insufficient_quota"),
        (client, "openai/missing", openai.NotFoundError, 404, "model_not_found"),
        (client, "anthropic/forgetful", openai.BadRequestError, 400, "context_length_exceeded"),
        (client, "anthropic/strict", openai.BadRequestError, 400, "model_refused_request"),
        (client, "openai/unkeyed", openai.InternalServerError, 502, "model_unauthorized"),
        (client, "anthropic/broken", openai.InternalServerError, 502, "model_failed"),
    ]
    for asking, model, kind, status, code in table:
        for stream in (False, True):
            error = failure(lambda: asking.chat.completions.create(model=model, messages=[user("Hi")], stream=stream))
            assert type(error) is kind, (model, stream, repr(error))
            assert (error.status_code, error.code) == (status, code), (model, stream, repr(error))
            if model.endswith("/limited"):
                assert int(error.response.headers["retry-after"]) > 0, error.response.headers
    bad = failure(lambda: client.chat.completions.create(model="smoltbot", messages=[{"role": "robot", "content": "Hi"}]))
    assert isinstance(bad, openai.BadRequestError) and bad.param == "messages[0].role", repr(bad)
    elsewhere = failure(lambda: client.responses.create(model="smoltbot", input="Hi"))
    assert isinstance(elsewhere, openai.NotFoundError) and "/v1/responses` is not served" in elsewhere.message, repr(elsewhere)


@case
def breaking(world):
    """an answer that breaks off in the middle is no whole answer"""
    for model in ("anthropic/cut", "openai/cut"):
        words = []

        def read():
            for chunk in world.client().chat.completions.create(model=model, messages=[user("Hi")], stream=True):
                words.extend(choice.delta.content or "" for choice in chunk.choices)

        error = failure(read)
        assert type(error) is openai.APIError and error.code == "model_failed", repr(error)
        assert "".join(words) == "Well, ", words


@case
def leaving(world):
    """whoever goes away or waits no longer has what runs for them ended"""
    with world.client().chat.completions.create(model="anthropic/slow", messages=[user("Hi")], stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break
    world.left("slow")
    late = failure(lambda: world.client(timeout=0.5).chat.completions.create(model="openai/silent", messages=[user("Hi")]))
    assert type(late) is openai.APITimeoutError, repr(late)


@case
def together(world):
    """many questions at once over one asynchronous client, each with its own answer"""

    async def all_of_them():
        async with world.client(AsyncOpenAI) as client:

            async def one(number):
                stream = await client.chat.completions.create(
                    model=TOLD[number % 2], messages=[user(f"Number {number}.")], stream=True
                )
                return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

            return await asyncio.gather(*(one(number) for number in range(50)))

    assert asyncio.run(all_of_them()) == [f"You said: Number {number}." for number in range(50)]


if len(sys.argv) == 1:
    for name, function in CASES.items():
        print(f"{name}\t{function.__doc__}")
else:
    CASES[sys.argv[1]](World(sys.argv[2]))
