// A client that others wrote for OpenClaw's gateway, `openclaw-node` from npm, against ours.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { ALLOWED, Gateway, REFUSED, RULE } from "./support/gateway.mjs";

const { OpenClawClient } = await import(join(process.env.SMOLTBOT_TOOLS, "peers/node_modules/openclaw-node/dist/index.mjs"));

/** The same client, telling the gateway that it shows tools: in this version it never does, and so hears of none with its runs. */
class WithToolEvents extends OpenClawClient {
  send(frame) {
    super.send(frame.method === "connect" ? { ...frame, params: { ...frame.params, caps: ["tool-events"] } } : frame);
  }
}

let gateway, identity;
const open = [];

before(async () => {
  gateway = await Gateway.start();
  identity = join(gateway.smoltbot.home, "its-device.json");
});

afterEach(async () => {
  for (const client of open.splice(0)) await client.disconnect();
});

after(() => gateway?.stop());

function stranger(Kind = OpenClawClient, options = {}) {
  const client = new Kind({ url: gateway.socket, token: gateway.token, deviceIdentityPath: identity, autoReconnect: false, ...options });
  // Without a listener an `error` would end the process.
  client.on("error", () => {});
  open.push(client);
  return client;
}

async function connected(Kind, options) {
  const client = stranger(Kind, options);
  await client.connect();
  return client;
}

/** All that a chat brings. */
async function chunks(client, message, options) {
  const all = [];
  for await (const chunk of client.chat(message, options)) all.push(chunk);
  return all;
}

const words = (all) => all.filter(({ type }) => type === "text").map(({ text }) => text).join("");
const types = (all) => all.map(({ type }) => type).filter((type, at, types) => type !== types[at - 1]);
const asking = (calls) => `Please. CALLS ${JSON.stringify(calls)}`;
/** The AP-Traces of a session's calls. */
const traced = (session, count) => gateway.traces.where(({ metadata }) => metadata.session_id === session, count);

test("openclaw-node connects with its device, and is told what there is", async () => {
  const client = stranger();
  const hello = await client.connect();
  assert.equal(hello.protocol, 4);
  assert.deepEqual([hello.auth.role, hello.auth.scopes], ["operator", ["operator.read", "operator.write"]]);
  assert.ok(client.isConnected && client.hasMethod("agent") && !client.hasMethod("config.apply"));
  assert.equal((await client.health()).ok, true);
  assert.deepEqual((await client.agents.list()).agents.map(({ id }) => id), ["main"]);
  const { payload: { models } } = await client.request("models.list");
  assert.deepEqual(models.map(({ provider, id }) => `${provider}/${id}`), ["anthropic/told", "openai/told"]);
  assert.equal(JSON.parse(await readFile(identity, "utf8")).deviceToken, undefined, "on this machine the token is enough");
});

test("openclaw-node with a wrong token is told so and let go of", async () => {
  const client = stranger(OpenClawClient, { token: "wrong-wrong-wrong" });
  const told = once(client, "protocol:response");
  await assert.rejects(client.connect(), /closed before handshake/);
  const [{ ok, error }] = await told;
  assert.deepEqual([ok, error.details.code], [false, "AUTH_TOKEN_MISMATCH"]);
});

test("openclaw-node runs a turn with a call that runs and one that is refused", async () => {
  const client = await connected();
  await client.request("sessions.subscribe");
  const heard = [];
  client.on("event", ({ event, payload }) => event === "session.tool" && heard.push(payload));
  const all = await chunks(client, asking([ALLOWED, REFUSED]), { sessionKey: "agent:main:tools" });

  assert.deepEqual(types(all), ["agent_start", "text", "agent_end", "done"]);
  assert.match(words(all), /^They said: .*allowed.* \| The conscience refused this call, nothing was run: /s);
  assert.ok(existsSync(join(gateway.smoltbot.home, "workspace", "ran")));
  assert.ok(!existsSync(join(gateway.smoltbot.home, "workspace", "refused")));

  assert.ok(heard.every(({ sessionKey, runId }) => sessionKey === "agent:main:tools" && runId === all[0].runId));
  assert.deepEqual(heard.map(({ data: { phase, name, isError } }) => [phase, name, isError]), [
    ["start", "execute_command", undefined], ["result", "execute_command", false],
    ["start", "execute_command", undefined], ["result", "execute_command", true],
  ]);
  assert.deepEqual(heard[0].data.args, ALLOWED.params);
  const { result } = heard[3].data;
  assert.equal(result.details.status, "blocked");
  assert.match(result.details.reason, /root directory/);

  const [allowed, refused] = await traced("agent:main:tools", 2);
  assert.deepEqual([allowed.action.parameters.command, allowed.context.metadata.action_type], [ALLOWED.params.command, "allow"]);
  assert.deepEqual([refused.action.type, refused.context.metadata.rule_id], ["deny", RULE]);
  assert.equal(result.details.traceUrl, `${gateway.smoltbot.edge}/trace/${refused.trace_id}`);
  assert.ok(words(all).includes(result.details.traceUrl), "the model is told the link, too");
});

test("openclaw-node that shows tools hears of each with its run", async () => {
  const client = await connected(WithToolEvents);
  const all = await chunks(client, asking([ALLOWED, REFUSED]), { sessionKey: "agent:main:shown" });
  assert.deepEqual(types(all), ["agent_start", "tool_use", "tool_result", "tool_use", "tool_result", "text", "agent_end", "done"]);
  const results = all.filter(({ type }) => type === "tool_result").map(({ text }) => text);
  assert.match(results[0], /^execute_command: .*allowed/s);
  assert.match(results[1], /^execute_command: The conscience refused this call/);
  await traced("agent:main:shown", 2);
});

test("openclaw-node reads, resets and deletes what was said", async () => {
  const client = await connected();
  const key = "agent:main:kept";
  assert.equal(await client.chatSync("Hello.", { sessionKey: key, label: "greeting", thinking: "low" }), "You said: Hello.");
  const { messages } = await client.sessions.history(key);
  assert.deepEqual(messages.map(({ role, content }) => [role, content[0].text]), [["user", "Hello."], ["assistant", "You said: Hello."]]);
  const { session } = await client.sessions.describe(key);
  assert.deepEqual([session.key, session.label, session.totalTokens > 0], [key, "greeting", true]);
  assert.ok((await client.sessions.list({ limit: 10 })).sessions.some((one) => one.key === key));
  await client.sessions.reset(key);
  assert.deepEqual((await client.sessions.history(key)).messages, []);
  assert.equal((await client.sessions.delete(key)).deleted, true);
});

test("openclaw-node is told who is there, who comes and who goes", async () => {
  const there = (presence) => presence.filter(({ mode }) => mode !== "gateway").map(({ version }) => version);
  const until = (client, expected) =>
    new Promise((done) => {
      const look = ({ event, payload, stateVersion }) => {
        if (event !== "presence" || String(there(payload.presence)) !== String(expected)) return;
        client.off("event", look);
        done(stateVersion);
      };
      client.on("event", look);
    });
  const first = stranger(OpenClawClient, { clientVersion: "first" });
  const hello = await first.connect();
  assert.ok(["presence", "health"].every((event) => hello.features.events.includes(event)));
  const [own, ...none] = hello.snapshot.presence.filter(({ mode }) => mode !== "gateway");
  assert.deepEqual([own.host, own.version, own.reason, none], ["gateway-client", "first", "connect", []]);
  assert.match(own.deviceId, /^[0-9a-f]{64}$/, "it has signed");

  const came = until(first, ["second", "first"]);
  const second = stranger(OpenClawClient, { clientVersion: "second" });
  const { snapshot } = await second.connect();
  assert.deepEqual(there(snapshot.presence), ["second", "first"]);
  const version = await came;
  assert.equal(version.presence, snapshot.stateVersion.presence);
  const listed = await first.request("system-presence");
  assert.deepEqual(there(listed.payload), ["second", "first"]);

  const gone = until(first, ["first"]);
  await second.disconnect();
  assert.ok((await gone).presence > version.presence);
});

test("openclaw-node shows a picture, which both wires bring to the model and the conversation keeps", async () => {
  const client = await connected();
  // One pixel.
  const content = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
  const attachments = [{ type: "image", mimeType: "image/png", fileName: "dot.png", content }];
  for (const [provider, written] of [
    ["anthropic", { type: "image", source: { type: "base64", media_type: "image/png", data: content } }],
    ["openai", { type: "image_url", image_url: { url: `data:image/png;base64,${content}` } }],
  ]) {
    const options = { sessionKey: `agent:main:shown-to-${provider}`, provider };
    const extraSystemPrompt = "Speak of colours.";
    assert.equal(await client.chatSync("What is this?", { ...options, attachments, extraSystemPrompt }), "You said: What is this?");
    assert.equal(await client.chatSync("And now?", options), "You said: And now?");
    const [first, second] = gateway.providers.asked.slice(-2).map(({ body }) => body);
    for (const body of [first, second]) {
      const blocks = body.messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
      assert.deepEqual(blocks.filter(({ type }) => type === written.type).map(({ cache_control, ...block }) => block), [written]);
    }
    assert.deepEqual([first, second].map((body) => JSON.stringify(body).includes(extraSystemPrompt)), [true, false]);
    const { messages } = await client.sessions.history(options.sessionKey);
    assert.deepEqual(messages[0].content.map(({ type }) => type), ["text", "image"]);
  }
});

test("openclaw-node follows a session that another connection talks in", async () => {
  const [watcher, talker] = [await connected(), await connected()];
  const heard = [];
  let ended;
  const end = new Promise((resolve) => (ended = resolve));
  const { unsubscribe } = await watcher.sessions.subscribeMessages("agent:main:watched", ({ event, payload }) => {
    heard.push(payload);
    if (event === "chat" && payload.state === "final") ended(payload);
  });
  // It sends no key against repetition here; then each one is a message of its own.
  const begun = await talker.sessions.send("agent:main:watched", "Hello there.");
  assert.equal(begun.status, "started");
  const { message, runId } = await end;
  assert.equal(runId, begun.runId);
  assert.equal(message.content[0].text, "You said: Hello there.");
  const deltas = heard.filter(({ state }) => state === "delta");
  assert.equal(deltas.map(({ deltaText }) => deltaText).join(""), "You said: Hello there.");
  assert.equal(deltas.at(-1).message.content[0].text, "You said: Hello there.", "with all that was said so far");
  assert.equal((await talker.agentWait(begun.runId)).status, "ok");
  await unsubscribe();
});

test("openclaw-node aborts a run, and one whose time is up ends by itself", async () => {
  const client = await connected();
  const states = [];
  client.on("event", ({ event, payload }) => event === "chat" && payload.state === "aborted" && states.push([payload.sessionKey, payload.stopReason]));
  const chat = client.chat("Take your time.", { sessionKey: "agent:main:long", model: "anthropic/slow" });
  let runId;
  for await (const chunk of chat) {
    if (chunk.type !== "text") continue;
    runId = chunk.runId;
    assert.deepEqual((await client.chatAbort("agent:main:long", runId)).runIds, [runId]);
  }
  const waited = await client.agentWait(runId);
  assert.deepEqual([waited.status, waited.stopReason], ["error", "aborted"]);
  await gateway.providers.wasLeft("slow");

  const late = await chunks(client, "Take your time.", { sessionKey: "agent:main:late", model: "openai/silent", timeout: 1 });
  assert.deepEqual(types(late), ["agent_start", "agent_end", "done"]);
  const told = await client.agentWait(late[0].runId);
  assert.deepEqual([told.status, told.stopReason], ["timeout", "timeout"]);
  await gateway.providers.wasLeft("silent");
  assert.deepEqual(states, [["agent:main:long", "aborted"], ["agent:main:late", "timeout"]]);
});

test("openclaw-node is told what went wrong and what is not to be had", async () => {
  const client = await connected();
  const provided = await client.chatSync("Who?", { sessionKey: "agent:main:chosen", provider: "openai" });
  assert.equal(provided, "You said: Who?");
  assert.equal(gateway.providers.asked.at(-1).body.stream_options?.include_usage, true, "OpenAI's wire was asked");
  for (const [options, expected] of [
    [{ model: "anthropic/broken" }, /Internal server error/],
    [{ model: "anthropic/limited" }, /rate limit/],
    [{ provider: "nobody" }, /there is no provider `nobody`; the models are anthropic\/told, openai\/told/],
    [{ deliver: true }, /`deliver` is not available/],
    [{ extraSystemPrompt: "x".repeat(20_481) }, /`extraSystemPrompt` has 20481 bytes, at most 20480 are taken/],
    [{ attachments: [{ fileName: "a.pdf", mimeType: "application/pdf", content: btoa("%PDF-1.7\n\xff") }] }, /a\.pdf is neither a picture/],
    [{ agentId: "other" }, /unknown agent id `other`/],
    [{ thinking: "very" }, /`thinking` is one of /],
    [{ timeout: -1 }, /`timeout` is a whole number/],
  ]) {
    const all = await chunks(client, "Hi", { sessionKey: "agent:main:faults", ...options });
    const errors = all.filter(({ type }) => type === "error");
    assert.equal(errors.length, 1, JSON.stringify(all));
    assert.match(errors[0].text, expected);
  }
  await assert.rejects(client.config.patch("{}", "hash"), /`config.patch` is not available/);
  await assert.rejects(client.channels.status(), /`channels.status` is not available/);
  await assert.rejects(client.sessions.compact("agent:main:faults"), /`sessions.compact` is not available/);
  await assert.rejects(client.pairing.list("telegram"), /unknown method: pairing.list/);
});
