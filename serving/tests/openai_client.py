"""The official OpenAI client against a gateway: BASE_URL and KEY are the two arguments.

The fake replica behind the gateway answers "你好，世界🙂!\n第二行" in six tokens.
"""

import json
import sys

import openai
import pydantic
from openai import OpenAI

BASE_URL, KEY = sys.argv[1:3]
TEXT = "你好，世界🙂!\n第二行"
client = OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=30)


def user(text):
    return [{"role": "user", "content": text}]


def expect(kind, code, call, **fields):
    try:
        call()
    except kind as error:
        assert type(error) is kind, type(error)
        assert error.code == code, (error.code, code)
        for name, value in fields.items():
            assert getattr(error, name) == value, (name, getattr(error, name), value)
        return error
    raise AssertionError(f"expected {kind.__name__}")


def models():
    names = [model.id for model in client.models.list()]
    assert names == ["private", "starting", "tiny"], names
    card = client.models.retrieve("tiny")
    assert card.owned_by == "zhisuan" and card.created == 1_700_000_000
    assert card.model_extra["context_length"] == 512


def chat():
    answer = client.chat.completions.create(
        model="tiny", messages=user("hello"), temperature=0, seed=1, extra_body={"top_k": 5}
    )
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == 13
    assert answer.id.startswith("chatcmpl-") and answer._request_id == answer.id
    scored = client.chat.completions.create(
        model="tiny", messages=user("hello"), max_tokens=1, logprobs=True, top_logprobs=1
    )
    assert scored.choices[0].finish_reason == "length"
    assert scored.choices[0].logprobs.content[0].top_logprobs[0].token == "x"


def chat_stream():
    stream = client.chat.completions.create(
        model="tiny", messages=user("hello"), stream=True, stream_options={"include_usage": True}
    )
    text, reason, usage = "", None, None
    for chunk in stream:
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
            reason = chunk.choices[0].finish_reason or reason
        usage = chunk.usage or usage
    assert (text, reason, usage.completion_tokens) == (TEXT, "stop", 6)


def broken_stream():
    stream = client.chat.completions.create(model="tiny", messages=user("die"), stream=True)
    text = ""
    try:
        for chunk in stream:
            text += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        assert error.code == "replica_unavailable", error.code
        assert text == "你好，", text
        return
    raise AssertionError("a broken stream looked whole")


def completions():
    answer = client.completions.create(model="tiny", prompt="once")
    assert answer.choices[0].text == TEXT and answer.usage.prompt_tokens == 7
    pieces = client.completions.create(model="tiny", prompt="once", max_tokens=2, stream=True)
    assert "".join(piece.choices[0].text for piece in pieces) == "你好，"


def embeddings():
    # Without a wish the client asks for base64 and decodes it by itself.
    for wish in ({}, {"encoding_format": "float"}):
        answer = client.embeddings.create(model="tiny", input=["ab", "c"], **wish)
        assert [item.embedding for item in answer.data] == [[2.0, 0.5, -0.25], [1.0, 0.5, -0.25]]
        assert answer.usage.prompt_tokens == 6
        # The fake's tokens are characters.
        by_tokens = client.embeddings.create(model="tiny", input=[[97, 98], [99]], dimensions=2, **wish)
        assert [item.embedding for item in by_tokens.data] == [[2.0, 0.5], [1.0, 0.5]]
    expect(
        openai.BadRequestError,
        "invalid_value",
        lambda: client.embeddings.create(model="tiny", input="a", dimensions=4),
        param="dimensions",
    )


def tokens():
    prompt = [ord(char) for char in "hello"]
    answer = client.completions.create(model="tiny", prompt=prompt)
    assert answer.choices[0].text == TEXT
    expect(
        openai.BadRequestError,
        "invalid_value",
        lambda: client.completions.create(model="tiny", prompt=[[1], [2, 0xD800]]),
        param="prompt[1][1]",
    )


CALL = 'say <tool_call>\n{"name": "weather", "arguments": {"city": "北京"}}\n</tool_call>'
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


def tools():
    answer = client.chat.completions.create(model="tiny", messages=user(CALL), tools=TOOLS, n=2)
    assert len(answer.choices) == 2 and answer.choices[1].finish_reason == "tool_calls"
    call = answer.choices[0].message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "北京"}
    # The answer goes back as the library writes it, with all its empty fields.
    history = user("rain?") + [answer.choices[0].message.model_dump()]
    history.append({"role": "tool", "tool_call_id": call.id, "content": "no"})
    again = client.chat.completions.create(model="tiny", messages=history, tools=TOOLS)
    assert again.choices[0].message.content == TEXT
    with client.chat.completions.stream(model="tiny", messages=user(CALL), tools=TOOLS) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.name == "weather"


def structured():
    class City(pydantic.BaseModel):
        city: str

    order = user('say {"city": "北京"}')
    answer = client.chat.completions.parse(model="tiny", messages=order, response_format=City)
    assert answer.choices[0].message.parsed == City(city="北京")


def responses():
    answer = client.responses.create(model="tiny", input="hello", metadata={"case": "7"})
    assert answer.output_text == TEXT and answer.usage.output_tokens == 6
    assert answer.status == "completed" and answer.metadata == {"case": "7"}
    with client.responses.stream(model="tiny", input="hello") as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == TEXT
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    tool = {"type": "function", "name": "weather", "parameters": {"type": "object"}}
    call = client.responses.create(model="tiny", input=CALL, tools=[tool]).output[0]
    assert (call.type, json.loads(call.arguments)) == ("function_call", {"city": "北京"})
    expect(
        openai.BadRequestError, "unsupported_parameter", param="previous_response_id",
        call=lambda: client.responses.create(model="tiny", input="x", previous_response_id="resp_1"),
    )


def batches():
    body = {"model": "tiny", "messages": user("hello")}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    text = json.dumps(line, ensure_ascii=False).encode()
    file = client.files.create(file=("asks.jsonl", text), purpose="batch")
    assert client.files.content(file.id).read() == text
    assert [known.id for known in client.files.list()] == [file.id]
    made = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert client.batches.retrieve(made.id).status == "in_progress"
    assert [batch.id for batch in client.batches.list(limit=1)] == [made.id]
    assert client.batches.cancel(made.id).status == "cancelled"
    assert client.files.delete(file.id).deleted
    expect(openai.NotFoundError, "not_found", call=lambda: client.files.retrieve(file.id))


def errors():
    create = client.chat.completions.create
    expect(
        openai.BadRequestError, "invalid_value", param="temperature",
        call=lambda: create(model="tiny", messages=user("x"), temperature=9),
    )
    expect(
        openai.BadRequestError, "unsupported_parameter", param="store",
        call=lambda: create(model="tiny", messages=user("x"), store=True),
    )
    expect(
        openai.BadRequestError, "context_length_exceeded",
        call=lambda: create(model="tiny", messages=user("too long"), stream=True),
    )
    expect(
        openai.NotFoundError, "model_not_found",
        call=lambda: create(model="none", messages=user("x")),
    )
    expect(
        openai.RateLimitError, "overloaded",
        call=lambda: create(model="tiny", messages=user("full")),
    )
    expect(
        openai.InternalServerError, "model_not_ready",
        call=lambda: create(model="starting", messages=user("x")),
    )
    stranger = OpenAI(base_url=BASE_URL, api_key="zs-nobody", max_retries=0)
    error = expect(openai.AuthenticationError, "invalid_api_key", call=stranger.models.list)
    assert error.status_code == 401 and error.request_id.startswith("req-")
    worker = OpenAI(base_url=BASE_URL, api_key="zs-worker", max_retries=0)
    expect(openai.PermissionDeniedError, "insufficient_permissions", call=worker.models.list)
    poor = OpenAI(base_url=BASE_URL, api_key="zs-poor", max_retries=3)
    expect(
        openai.RateLimitError, "insufficient_quota", type="insufficient_quota",
        call=lambda: poor.chat.completions.create(model="tiny", messages=user("x")),
    )


for check in (models, chat, chat_stream, broken_stream, completions, embeddings, tokens, tools, structured, responses,
              batches, errors):
    check()
    print("ok", check.__name__)
print("all checks passed")
