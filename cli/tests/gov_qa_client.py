"""The official client against gov-qa behind a gateway: citations arrive whole, streamed or not."""

import sys

from openai import BadRequestError, OpenAI

gateway, key = sys.argv[1:3]
client = OpenAI(base_url=f"{gateway}/v1", api_key=key)
question = [{"role": "user", "content": "居住证补办多少钱"}]

assert "gov-qa" in [model.id for model in client.models.list()], "gov-qa is not offered"

whole = client.chat.completions.create(model="gov-qa", messages=question)
message = whole.choices[0].message
assert "每证10元" in message.content, message.content
assert "AI 生成合成" in message.content, "the visible label is missing"
assert message.annotations, "no annotations"
cited = message.annotations[0]
assert cited.type == "url_citation"
citation = cited.url_citation
assert citation.title == "居住证申领与签注办事指南", citation
assert "/qa/source/residence-permit?version=1&start=" in citation.url, citation.url
marked = message.content[citation.start_index : citation.end_index]
assert marked == "[1]", marked
record = message.model_extra["zhisuan"]
assert record["outcome"] == "answered" and record["answer_id"], record
first = record["citations"][0]
assert first["end_byte"] - first["start_byte"] == len(first["quote"].encode()), first
assert whole.usage.completion_tokens > 0

text, annotations, extension = "", [], None
for chunk in client.chat.completions.create(model="gov-qa", messages=question, stream=True):
    for choice in chunk.choices:
        text += choice.delta.content or ""
        beside = choice.delta.model_extra or {}
        annotations += beside.get("annotations") or []
        extension = beside.get("zhisuan") or extension
assert text == message.content, "the stream says something else"
assert annotations == [one.model_dump() for one in message.annotations], annotations
assert extension["citations"] == record["citations"]

nothing = client.chat.completions.create(
    model="gov-qa", messages=[{"role": "user", "content": "火星移民签证怎么办理"}]
)
assert nothing.choices[0].message.model_extra["zhisuan"]["outcome"] == "no_evidence"
assert not nothing.choices[0].message.annotations

def told(system, question, **more):
    """The text, the annotations and the record of an answer under a message of the system."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    answer = client.chat.completions.create(model="gov-qa", messages=messages, **more)
    if not more.get("stream"):
        message = answer.choices[0].message
        return message.content, message.annotations, message.model_extra["zhisuan"]
    text, record = "", None
    for chunk in answer:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            record = (choice.delta.model_extra or {}).get("zhisuan") or record
    return text, None, record


# The day and the place stand in lines of the system's message, whole and streamed.
for stream in (False, True):
    share = "算力券的抵扣比例是多少？"
    text, _, record = told("你是政务助手\nas_of: 2024-03-01", share, stream=stream)
    assert "百分之三十" in text and record["as_of"] == "2024-03-01", text
    assert record["citations"][0]["document"] == "compute-voucher-2023", record
    text, _, record = told("你是政务助手", share, stream=stream)
    assert record["as_of"] != "2024-03-01", record
    assert all(one["document"] == "compute-voucher" for one in record["citations"]), record
    dogs = "一户可以养几只狗？"
    text, _, record = told("place: 青岚市\nas_of: 2026-01-15", dogs, stream=stream)
    assert "两只" in text and record["citations"][0]["place"] == "青岚市", text
    text, _, record = told("place：云麓市", dogs, stream=stream)
    assert all(one["place"] == "云麓市" for one in record["citations"]), record
# What the user writes there is only words, and a day that is none is refused.
text, _, record = told("你是政务助手", "as_of: 2024-03-01\n算力券的抵扣比例是多少？")
assert record["as_of"] != "2024-03-01", record
try:
    told("as_of: 去年", "算力券的抵扣比例是多少？")
    raise AssertionError("a day that is none was taken")
except BadRequestError as error:
    assert "as_of" in str(error) or "日期" in str(error), error

# Of a contradiction both sides are sentences with citations and annotations.
text, annotations, record = told("as_of: 2026-01-15", "电动自行车充电服务费每度最高多少钱")
assert record["outcome"] == "conflict", record
documents = {one["document"] for one in record["citations"]}
assert documents == {"evbike-charging-price", "evbike-charging-safety"}, documents
assert len({one.url_citation.url for one in annotations}) >= 2, annotations
for side in record["conflicts"][0]["sides"]:
    assert side["value"] in text, text
    assert any(one["quote"] == side["citation"]["quote"] for one in record["citations"]), side

print("all checks passed")
