// OpenAI's own SDK for JavaScript against our gateway: what it lists, answers, streams, calls and raises.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ALLOWED, Gateway, REFUSED, RULE } from "./support/gateway.mjs";
import { until } from "./support/openclaw.mjs";
import { TOKENS } from "./support/providers.mjs";

const sdk = await import(join(process.env.SMOLTBOT_TOOLS, "peers/node_modules/openai/index.mjs"));
const { OpenAI } = sdk;

/** Both wires behind the gateway. */
const TOLD = ["anthropic/told", "openai/told"];
const USAGE = { prompt_tokens: TOKENS.input, completion_tokens: TOKENS.output, total_tokens: TOKENS.input + TOKENS.output };

let gateway, client;

before(async () => {
  gateway = await Gateway.start();
  client = connect();
});

after(() => gateway?.stop());

/** A client that tries nothing again, so that a failure is the first one. */
function connect(options = {}) {
  return new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: gateway.token, maxRetries: 0, ...options });
}

const user = (content) => ({ role: "user", content });
const weather = {
  type: "function",
  function: {
    name: "weather", description: "Tells the weather of a city",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

/** What was asked of the provider last. */
const sent = () => gateway.providers.asked.at(-1).body;

/** What `ask` is rejected with. */
async function failure(ask) {
  return Promise.resolve(ask()).then((answer) => assert.fail(`an answer: ${JSON.stringify(answer)}`), (error) => error);
}

test("npm: models are listed, found by their names, and missed", async () => {
  const ids = [];
  for await (const { id, object } of client.models.list()) {
    assert.equal(object, "model");
    ids.push(id);
  }
  assert.deepEqual(ids, ["smoltbot", ...TOLD]);
  assert.equal((await client.models.retrieve("openai/told")).owned_by, "openai");
  const missed = await failure(() => client.models.retrieve("gpt-none"));
  assert.ok(missed instanceof sdk.NotFoundError, missed);
  assert.equal(missed.code, "model_not_found");
  assert.match(missed.message, /no model `gpt-none`/);
});

test("npm: a conversation is answered with its history, its limits and its cost", async () => {
  for (const model of ["smoltbot", ...TOLD]) {
    const asked = client.chat.completions.create({
      model, max_tokens: 50, temperature: 0.5, stop: ["END"], user: "ann",
      messages: [
        { role: "developer", content: "Be brief." }, user("My colour is blue."), { role: "assistant", content: "Noted." },
        user([{ type: "text", text: "Which is it?" }]),
      ],
    });
    const { data: answer, request_id } = await asked.withResponse();
    assert.match(answer.id, /^chatcmpl-/);
    assert.equal(answer.object, "chat.completion");
    const { message, finish_reason } = answer.choices[0];
    assert.deepEqual([message.role, message.content, finish_reason], ["assistant", "You said: Which is it?", "stop"]);
    const { prompt_tokens_details, ...usage } = answer.usage;
    assert.deepEqual(usage, USAGE);
    assert.equal(prompt_tokens_details.cached_tokens, TOKENS.cached);
    assert.ok(answer.id.endsWith(request_id), "a request is known by its run");
    const body = JSON.stringify(sent());
    for (const part of ["Be brief.", "My colour is blue.", "Noted.", "END"]) assert.ok(body.includes(part), `${part} in ${body}`);
    assert.equal(sent().max_tokens ?? sent().max_completion_tokens, 50);
  }
});

test("npm: a stream has the same words, and its cost where that is asked for", async () => {
  for (const model of TOLD) {
    const stream = await client.chat.completions.create({
      model, stream: true, stream_options: { include_usage: true }, messages: [user("Count to three.")],
    });
    let [words, usage, reason] = ["", undefined, undefined];
    for await (const chunk of stream) {
      assert.equal(chunk.object, "chat.completion.chunk");
      assert.equal(usage, undefined, "the cost is the last piece");
      words += chunk.choices[0]?.delta.content ?? "";
      reason = chunk.choices[0]?.finish_reason ?? reason;
      if (chunk.usage) {
        assert.deepEqual(chunk.choices, []);
        usage = chunk.usage;
      }
    }
    const { prompt_tokens_details: _, ...cost } = usage;
    assert.deepEqual([words, reason, cost], ["You said: Count to three.", "stop", USAGE]);

    const without = await client.chat.completions.create({ model, stream: true, messages: [user("Count.")] });
    for await (const chunk of without) assert.equal(chunk.usage ?? null, null);
  }
});

test("npm: the client's own tools are told to it, and their results to the model", async () => {
  for (const model of TOLD) {
    const cities = ["Oslo", "Rome"];
    const calls = [cities.map((city) => ({ tool: "weather", params: { city } }))];
    const messages = [user(`How is it there? CALLS ${JSON.stringify(calls)}`)];
    const asked = { model, messages, tools: [weather], tool_choice: "auto" };
    const { choices: [{ message, finish_reason }] } = await client.chat.completions.create(asked);
    assert.equal(finish_reason, "tool_calls");
    const told = message.tool_calls.map(({ type, function: { name, arguments: text } }) => [type, name, JSON.parse(text).city]);
    assert.deepEqual(told, cities.map((city) => ["function", "weather", city]));
    messages.push(message, ...message.tool_calls.map(({ id }, at) => ({ role: "tool", tool_call_id: id, content: `${cities[at]} is cold` })));
    const end = await client.chat.completions.create(asked);
    assert.equal(end.choices[0].message.content, "They said: Oslo is cold | Rome is cold");
  }
});

test("npm: the SDK's helpers put streamed calls together and run them", async () => {
  for (const model of TOLD) {
    const called = [];
    const runner = client.chat.completions.runTools({
      model, stream: true, messages: [user(`Weather? CALLS ${JSON.stringify([{ tool: "weather", params: { city: "Oslo" } }])}`)],
      tools: [{ type: "function", function: { ...weather.function, parse: JSON.parse, function: ({ city }) => (called.push(city), `${city} is cold`) } }],
    });
    assert.equal(await runner.finalContent(), "They said: Oslo is cold");
    assert.deepEqual(called, ["Oslo"]);

    const stream = client.chat.completions.stream({ model, messages: [user("Hello.")], stream_options: { include_usage: true } });
    const deltas = [];
    stream.on("content", (delta) => deltas.push(delta));
    const { choices, usage } = await stream.finalChatCompletion();
    assert.equal(choices[0].message.content, "You said: Hello.");
    assert.equal(deltas.join(""), "You said: Hello.");
    assert.equal(usage.total_tokens, USAGE.total_tokens);
  }
});

test("npm: a picture in a data: URL reaches the model as its wire has it", async () => {
  const data = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
  const url = `data:image/png;base64,${data}`;
  const content = [{ type: "text", text: "What is this?" }, { type: "image_url", image_url: { url, detail: "low" } }];
  for (const [model, written] of [
    ["anthropic/told", { type: "image", source: { type: "base64", media_type: "image/png", data } }],
    ["openai/told", { type: "image_url", image_url: { url } }],
  ]) {
    const answer = await client.chat.completions.create({ model, messages: [user(content)] });
    assert.equal(answer.choices[0].message.content, "You said: What is this?");
    const shown = sent().messages.at(-1).content.filter(({ type }) => type === written.type);
    assert.deepEqual(shown.map(({ cache_control, ...block }) => block), [written]);
  }
});

test("npm: without tools of its own the agent acts, and every call is on the edge", async () => {
  const workspace = join(gateway.smoltbot.home, "workspace");
  for (const stream of [false, true]) {
    const asked = client.chat.completions.create({ model: "smoltbot", stream, messages: [user(`Please. CALLS ${JSON.stringify([ALLOWED, REFUSED])}`)] });
    const { data, request_id } = await asked.withResponse();
    let words = stream ? "" : data.choices[0].message.content;
    if (stream) for await (const chunk of data) words += chunk.choices[0]?.delta.content ?? "";
    assert.match(words, /^They said: .*allowed.* \| The conscience refused this call/s);
    assert.ok(existsSync(join(workspace, "ran")));
    assert.ok(!existsSync(join(workspace, "refused")));
    const traces = await gateway.traces.of(request_id, 2);
    const told = traces.map(({ action, context: { metadata } }) => [action.type, action.parameters.command, metadata.rule_id]);
    assert.deepEqual(told.map(([type, command]) => [type === "deny", command]), [[false, ALLOWED.params.command], [true, REFUSED.params.command]]);
    assert.equal(told[1][2], RULE);
  }
});

test("npm: each failure is raised as the SDK has it, streamed or not", async () => {
  const stranger = connect({ apiKey: "wrong" });
  const messages = [user("Hi")];
  const table = [
    ["wrong key", sdk.AuthenticationError, 401, "invalid_api_key", (more) => stranger.chat.completions.create({ model: "smoltbot", messages, ...more })],
    ["no message", sdk.BadRequestError, 400, null, (more) => client.chat.completions.create({ model: "smoltbot", messages: [], ...more })],
    ["a picture elsewhere", sdk.BadRequestError, 400, null, (more) => {
      const content = [{ type: "image_url", image_url: { url: "https://example.com/a.png" } }];
      return client.chat.completions.create({ model: "smoltbot", messages: [user(content)], ...more });
    }],
    ["old functions", sdk.BadRequestError, 400, null, (more) => client.chat.completions.create({ model: "smoltbot", messages, functions: [weather.function], ...more })],
    ...[
      ["anthropic/limited", sdk.RateLimitError, 429, "rate_limit_exceeded"],
      ["openai/limited", sdk.RateLimitError, 429, "rate_limit_exceeded"],
      ["anthropic/unpaid", sdk.RateLimitError, 429, "insufficient_quota"],
      ["anthropic/missing", sdk.NotFoundError, 404, "model_not_found"],
      ["gpt-none/none", sdk.NotFoundError, 404, "model_not_found"],
      ["anthropic/forgetful", sdk.BadRequestError, 400, "context_length_exceeded"],
      ["openai/strict", sdk.BadRequestError, 400, "model_refused_request"],
      ["anthropic/unkeyed", sdk.InternalServerError, 502, "model_unauthorized"],
      ["openai/broken", sdk.InternalServerError, 502, "model_failed"],
    ].map(([model, ...rest]) => [model, ...rest, (more) => client.chat.completions.create({ model, messages, ...more })]),
  ];
  for (const [what, kind, status, code, ask] of table) {
    for (const stream of [false, true]) {
      const error = await failure(() => ask({ stream }));
      assert.ok(error instanceof kind, `${what}: ${error.constructor.name} ${error}`);
      assert.deepEqual([error.status, error.code], [status, code], `${what}: ${error}`);
      assert.ok(error.message.length > 20, `${what} is told in words: ${error}`);
      if (what.endsWith("/limited")) assert.ok(Number(error.headers.get("retry-after")) > 0, "when to come back");
    }
  }
  const elsewhere = await failure(() => client.embeddings.create({ model: "smoltbot", input: "Hi" }));
  assert.ok(elsewhere instanceof sdk.NotFoundError, elsewhere);
  assert.match(elsewhere.message, /\/v1\/embeddings` is not served/);
});

test("npm: the SDK asks again only where that may help", async () => {
  const requests = [];
  const counting = connect({ maxRetries: 2, fetch: (...args) => (requests.push(args[0]), fetch(...args)) });
  const ask = (model) => failure(() => counting.chat.completions.create({ model, messages: [user("Hi")] }));
  for (const model of ["anthropic/unkeyed", "anthropic/unpaid", "anthropic/strict"]) {
    requests.length = 0;
    await ask(model);
    assert.equal(requests.length, 1, model);
  }
  requests.length = 0;
  assert.ok((await ask("anthropic/broken")) instanceof sdk.InternalServerError);
  assert.equal(requests.length, 3, "it may work in a moment");

  // What has acted is not done once more by itself.
  const content = `Please. CALLS ${JSON.stringify([ALLOWED])}`;
  requests.length = 0;
  const error = await failure(() => counting.chat.completions.create({ model: "anthropic/acting", messages: [user(content)] }));
  assert.deepEqual([error.status, error.code, requests.length], [502, "model_failed", 1], String(error));
});

test("npm: an answer that breaks off in the middle is no whole answer", async () => {
  for (const model of ["anthropic/cut", "openai/cut"]) {
    const stream = await client.chat.completions.create({ model, stream: true, messages: [user("Hi")] });
    let words = "";
    const error = await failure(async () => {
      for await (const chunk of stream) words += chunk.choices[0]?.delta.content ?? "";
    });
    assert.ok(error instanceof sdk.APIError, error);
    assert.deepEqual([words, error.code], ["Well, ", "model_failed"], String(error));
  }
});

test("npm: whoever goes away has what runs for them ended", async () => {
  const messages = [user("Hi")];
  const stream = await client.chat.completions.create({ model: "anthropic/slow", stream: true, messages });
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta.content) break;
  }
  await gateway.providers.wasLeft("slow");

  const control = new AbortController();
  const asked = failure(() => client.chat.completions.create({ model: "openai/silent", messages }, { signal: control.signal }));
  await gateway.providers.wasAsked("silent");
  control.abort();
  assert.ok((await asked) instanceof sdk.APIUserAbortError);
  await gateway.providers.wasLeft("silent");

  const late = await failure(() => client.chat.completions.create({ model: "anthropic/silent", messages }, { timeout: 200 }));
  assert.ok(late instanceof sdk.APIConnectionTimeoutError, late);
});

test("npm: a tool that runs for whoever went away is ended and told as abandoned", async () => {
  const command = "touch began && sleep 1000";
  const content = `Please. CALLS ${JSON.stringify([{ tool: "execute_command", params: { command } }])}`;
  const control = new AbortController();
  const asked = failure(() => client.chat.completions.create({ model: "smoltbot", messages: [user(content)] }, { signal: control.signal }));
  await until("the tool runs", () => existsSync(join(gateway.smoltbot.home, "workspace", "began")));
  control.abort();
  await asked;
  const [trace] = await gateway.traces.where(({ params }) => params?.command === command, 1);
  assert.equal(trace.context.metadata.outcome, "abandoned");
});
