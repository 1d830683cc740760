"""LangChain and LiteLLM against a gateway: BASE_URL (with /v1) and KEY are the arguments."""

import os
import sys

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_TELEMETRY"] = "False"

BASE_URL, KEY = sys.argv[1:3]
TEXT = "你好，世界🙂!\n第二行"
CALL = 'say <tool_call>\n{"name": "weather", "arguments": {"city": "北京"}}\n</tool_call>'


def langchain():
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings

    @tool
    def weather(city: str) -> str:
        """Tells the weather."""
        return f"rain in {city}"

    model = ChatOpenAI(model="tiny", base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=30, temperature=0)
    answer = model.invoke("hello")
    assert answer.content == TEXT and answer.usage_metadata["total_tokens"] == 13
    assert "".join(chunk.content for chunk in model.stream("hello")) == TEXT
    bound = model.bind_tools([weather])
    call = bound.invoke([HumanMessage(CALL)])
    assert call.tool_calls[0]["args"] == {"city": "北京"}, call
    chunks = None
    for chunk in bound.stream([HumanMessage(CALL)]):
        chunks = chunk if chunks is None else chunks + chunk
    assert chunks.tool_calls[0]["args"] == {"city": "北京"}
    result = ToolMessage(weather.invoke(call.tool_calls[0]["args"]), tool_call_id=call.tool_calls[0]["id"])
    assert bound.invoke([HumanMessage("rain?"), call, result]).content == TEXT
    schema = {"title": "City", "type": "object", "properties": {"city": {"type": "string"}}}
    structured = model.with_structured_output(schema, method="json_schema")
    assert structured.invoke('say {"city": "北京"}') == {"city": "北京"}
    responses = ChatOpenAI(model="tiny", base_url=BASE_URL, api_key=KEY, max_retries=0, use_responses_api=True)
    assert responses.invoke("hello").text == TEXT
    embeddings = OpenAIEmbeddings(model="tiny", base_url=BASE_URL, api_key=KEY, check_embedding_ctx_length=False)
    assert embeddings.embed_documents(["ab", "c"])[0] == [2.0, 0.5, -0.25]


def litellm():
    import litellm

    where = {"api_base": BASE_URL, "api_key": KEY, "num_retries": 0, "timeout": 30}
    ask = {"model": "openai/tiny", "messages": [{"role": "user", "content": "hello"}], **where}
    answer = litellm.completion(**ask)
    assert answer.choices[0].message.content == TEXT and answer.usage.total_tokens == 13
    stream = litellm.completion(**ask, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == TEXT
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    call = litellm.completion(**{**ask, "messages": [{"role": "user", "content": CALL}]}, tools=tools)
    assert call.choices[0].finish_reason == "tool_calls"
    assert call.choices[0].message.tool_calls[0].function.name == "weather"
    vectors = litellm.embedding(model="openai/tiny", input=["ab"], encoding_format="float", **where)
    assert vectors.data[0]["embedding"] == [2.0, 0.5, -0.25]
    for change, kind in (({"model": "openai/gpt-9"}, litellm.NotFoundError), ({"api_key": "zs-nobody"}, litellm.AuthenticationError)):
        try:
            litellm.completion(**{**ask, **change})
        except kind:
            continue
        raise AssertionError(f"expected {kind.__name__}")


langchain()
litellm()
print("all checks passed")
