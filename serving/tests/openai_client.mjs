// The official Node client against a gateway: BASE_URL and KEY are the two arguments.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

// The folder that `cargo xtask provide` fills; a script elsewhere finds its packages through it.
const require = createRequire(join(process.env.ZHISUAN_TEST_NODE_MODULES, "script.js"));
const OpenAI = require("openai");
const { toFile } = OpenAI;

const [baseURL, apiKey] = process.argv.slice(2);
const TEXT = "你好，世界🙂!\n第二行";
const CALL = 'say <tool_call>\n{"name": "weather", "arguments": {"city": "北京"}}\n</tool_call>';
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 30_000 });
const user = (content) => [{ role: "user", content }];
const ask = (content) => ({ model: "tiny", messages: user(content) });

const whole = await client.chat.completions.create(ask("hello"));
assert.equal(whole.choices[0].message.content, TEXT);
assert.equal(whole._request_id, whole.id);

let text = "";
let usage = null;
const stream = await client.chat.completions.create({
  ...ask("hello"),
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  text += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
assert.deepEqual([text, usage.total_tokens], [TEXT, 13]);

const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];
const runner = client.chat.completions.stream({ ...ask(CALL), tools });
const call = (await runner.finalMessage()).tool_calls[0];
assert.deepEqual(JSON.parse(call.function.arguments), { city: "北京" });

const response = await client.responses.create({ model: "tiny", input: "hello" });
assert.equal(response.output_text, TEXT);
const events = [];
for await (const event of await client.responses.create({ model: "tiny", input: "hello", stream: true })) {
  events.push(event.type);
}
assert.equal(events.at(-1), "response.completed");

await assert.rejects(client.chat.completions.create({ ...ask("hi"), n: 99 }), (error) => {
  assert.ok(error instanceof OpenAI.BadRequestError);
  assert.deepEqual([error.code, error.param], ["invalid_value", "n"]);
  return true;
});
await assert.rejects(async () => {
  for await (const _ of await client.chat.completions.create({ ...ask("die"), stream: true }));
}, OpenAI.APIError);

const line = { custom_id: "a", method: "POST", url: "/v1/chat/completions", body: ask("hello") };
const file = await client.files.create({
  purpose: "batch",
  file: await toFile(Buffer.from(JSON.stringify(line)), "asks.jsonl"),
});
const batch = await client.batches.create({
  input_file_id: file.id,
  endpoint: "/v1/chat/completions",
  completion_window: "24h",
});
assert.equal(batch.status, "in_progress");
assert.equal((await client.batches.cancel(batch.id)).status, "cancelled");
console.log("all checks passed");
