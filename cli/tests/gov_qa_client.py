"""The official client against gov-qa behind a gateway: citations arrive whole, streamed or not."""

import sys

from openai import OpenAI

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

print("all checks passed")
