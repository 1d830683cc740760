"""The official Anthropic client against a gateway: BASE_URL (without /v1) and KEY are the arguments."""

import sys

import anthropic
from anthropic import Anthropic

BASE_URL, KEY = sys.argv[1:3]
TEXT = "你好，世界🙂!\n第二行"
CALL = 'say <think>hm</think><tool_call>\n{"name": "weather", "arguments": {"city": "北京"}}\n</tool_call>'
TOOLS = [{"name": "weather", "description": "d", "input_schema": {"type": "object"}}]
client = Anthropic(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=30)


def ask(text, **more):
    messages = [{"role": "user", "content": text}]
    return {"model": "tiny", "max_tokens": 300, "messages": messages, **more}


def whole():
    answer = client.messages.create(**ask("hello", system="brief", stop_sequences=["END"]), extra_body={"temperature": 0})
    assert answer.content[0].text == TEXT and answer.stop_reason == "end_turn"
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (7, 6)
    stopped = client.messages.create(**ask("stop", stop_sequences=["，"]))
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "，")
    assert stopped.content[0].text == "你好" and stopped.usage.output_tokens == 2
    cut = client.messages.create(**{**ask("hello"), "max_tokens": 2})
    assert cut.stop_reason == "max_tokens"


def streamed():
    with client.messages.stream(**ask("hello")) as stream:
        assert "".join(stream.text_stream) == TEXT
        final = stream.get_final_message()
    assert final.stop_reason == "end_turn" and final.usage.output_tokens == 6
    with client.messages.stream(**ask("stop", stop_sequences=["，"])) as stream:
        final = stream.get_final_message()
    assert (final.stop_reason, final.stop_sequence) == ("stop_sequence", "，")


def tools():
    for thinking in ({"type": "disabled"}, {"type": "adaptive"}):
        answer = client.messages.create(**ask(CALL, tools=TOOLS, thinking=thinking))
        assert answer.stop_reason == "tool_use"
        kinds = [block.type for block in answer.content]
        assert kinds == ["thinking", "tool_use"], kinds
        assert answer.content[1].input == {"city": "北京"}
    with client.messages.stream(**ask(CALL, tools=TOOLS)) as stream:
        final = stream.get_final_message()
    assert final.content[1].input == {"city": "北京"} and final.content[0].thinking == "hm"
    call = answer.content[1]
    history = [
        {"role": "user", "content": "rain?"},
        {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in answer.content]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "no"}]},
    ]
    again = client.messages.create(model="tiny", max_tokens=50, tools=TOOLS, messages=history)
    assert again.content[0].text == TEXT


def counted():
    count = client.messages.count_tokens(model="tiny", messages=[{"role": "user", "content": "hi"}])
    assert count.input_tokens == 10


def refused():
    def expect(kind, call, word):
        try:
            call()
        except kind as error:
            assert type(error) is kind and word in str(error), (type(error), error)
            assert error.request_id.startswith("msg_")
            return
        raise AssertionError(f"expected {kind.__name__}")

    expect(anthropic.BadRequestError, lambda: client.messages.create(**ask("hi"), extra_body={"top_p": 3}), "top_p")
    expect(anthropic.NotFoundError, lambda: client.messages.create(**{**ask("hi"), "model": "gpt-9"}), "gpt-9")
    stranger = client.with_options(api_key="zs-nobody")
    expect(anthropic.AuthenticationError, lambda: stranger.messages.create(**ask("hi")), "API key")
    expect(anthropic.RateLimitError, lambda: client.messages.create(**ask("full")), "full queue")


def broken():
    try:
        with client.messages.stream(**ask("die")) as stream:
            for _ in stream.text_stream:
                pass
    except anthropic.APIError as error:
        assert "lost" in str(error), error
        return
    raise AssertionError("a broken stream looked whole")


for check in (whole, streamed, tools, counted, refused, broken):
    check()
print("all checks passed")
