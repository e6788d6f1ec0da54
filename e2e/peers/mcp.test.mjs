// A client and a server made with MCP's own SDK, and `smoltbot mcp-proxy` between them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Smoltbot } from "../browser/support/smoltbot.mjs";
import { node } from "./support/openclaw.mjs";
import { Traces } from "./support/traces.mjs";

const sdk = (file) => import(join(process.env.SMOLTBOT_TOOLS, "peers/node_modules/@modelcontextprotocol/sdk/dist/esm", file));
const SERVER = fileURLToPath(new URL("support/mcp-server.mjs", import.meta.url));

let smoltbot, traces, notes, env;

before(async () => {
  smoltbot = await Smoltbot.up();
  traces = new Traces(smoltbot);
  notes = join(smoltbot.home, "notes");
  await writeFile(notes, "");
  env = { ...smoltbot.env, NOTES: notes };
});

after(() => smoltbot?.stop());

/** A proxy started by its client, on standard input and output. */
async function onStdio(args) {
  const { StdioClientTransport } = await sdk("client/stdio.js");
  return new StdioClientTransport({ command: process.env.SMOLTBOT_BIN, args: ["mcp-proxy", ...args], env });
}

/** Has `use` talk through the proxy to what `args` name; `answer` is what a person says to a question, where one can be asked. */
async function through(args, answer, use, transport = onStdio) {
  const { Client } = await sdk("client/index.js");
  const { ElicitRequestSchema } = await sdk("types.js");
  const client = new Client({ name: "test", version: "1" }, { capabilities: answer ? { elicitation: {} } : {} });
  const questions = [];
  if (answer) {
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      questions.push(params.message);
      return { action: answer, ...(answer === "accept" ? { content: {} } : {}) };
    });
  }
  const way = await transport(args);
  await client.connect(way);
  try {
    await use(client, questions);
  } finally {
    await way.terminateSession?.();
    await client.close();
  }
}

const run = (client, command, options) => client.callTool({ name: "execute_command", arguments: { command } }, undefined, options);
const told = ({ action, escalation, context: { metadata } }) => [action.type, metadata.outcome, escalation?.escalation_status];
const traced = (text, count) => traces.where(({ params }) => JSON.stringify(params).includes(text), count);

async function everyKind(args, mark, transport) {
  await through(args, undefined, async (client) => {
    assert.equal((await client.listTools()).tools.length, 2);
    const progress = [];
    const ran = await run(client, `echo ${mark}-allowed`, { onprogress: (step) => progress.push(step.progress) });
    assert.equal(ran.content[0].text, `ran echo ${mark}-allowed`);
    assert.deepEqual(progress, [1]);
    const refused = await run(client, `rm -rf / # ${mark}-refused`);
    assert.equal(refused.isError, true);
    assert.match(refused.content[0].text, /Recursive delete of the root directory/);
    const asked = await run(client, `cat .env # ${mark}-unasked`);
    assert.equal(asked.isError, true);
    assert.equal((await client.callTool({ name: "fail", arguments: { mark: `${mark}-failed` } })).isError, true);
  }, transport);
  await through(args, "accept", async (client, questions) => {
    assert.equal((await run(client, `cat .env # ${mark}-accepted`)).isError, undefined);
    assert.match(questions[0], /smoltbot asks whether `execute_command` may run/);
  }, transport);
  await through(args, "decline", async (client) => {
    assert.equal((await run(client, `cat .env # ${mark}-declined`)).isError, true);
  }, transport);
  const heard = (await readFile(notes, "utf8")).split("\n").filter((line) => line.includes(mark));
  assert.deepEqual(heard, [`echo ${mark}-allowed`, `cat .env # ${mark}-accepted`]);
  const [allowed] = await traced(`${mark}-allowed`, 1);
  assert.deepEqual(told(allowed), ["execute", "completed", undefined]);
  assert.equal(allowed.context.metadata.tool_name, "mcp__tiny__execute_command");
  assert.equal(allowed.context.metadata.runtime, "mcp");
  assert.deepEqual((await traced(`${mark}-refused`, 1)).map(told), [["deny", "refused", "denied"]]);
  assert.deepEqual((await traced(`${mark}-unasked`, 1)).map(told), [["deny", "refused", "denied"]]);
  assert.deepEqual((await traced(`${mark}-failed`, 1)).map((trace) => trace.context.metadata.action_type), ["error"]);
  assert.deepEqual((await traced(`${mark}-accepted`, 1)).map(told), [["execute", "completed", "approved"]]);
  assert.deepEqual((await traced(`${mark}-declined`, 1)).map(told), [["deny", "refused", "denied"]]);
}

test("a server on standard input and output is judged for", async () => {
  await everyKind(["--", node, SERVER], "stdio");
});

/** Has `use` know the address of the server, where it is behind one. */
async function atAddress(use) {
  const server = spawn(node, [SERVER, "http"], { env, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [url] = await once(server.stdout, "data");
    await use(String(url).trim());
  } finally {
    server.kill();
  }
}

/** Has `use` get at a proxy that listens, over Streamable HTTP. */
async function listening(args, use) {
  const { StreamableHTTPClientTransport } = await sdk("client/streamableHttp.js");
  const proxy = spawn(process.env.SMOLTBOT_BIN, ["mcp-proxy", "--listen", "0", ...args], { env: { ...env, RUST_LOG: "error" }, stdio: ["ignore", "pipe", "inherit"] });
  const exit = once(proxy, "exit");
  try {
    const [url] = await once(proxy.stdout, "data");
    await use(() => new StreamableHTTPClientTransport(new URL(String(url).trim())));
  } finally {
    proxy.kill();
  }
  assert.deepEqual(await exit, [0, null]);
}

test("a server at an address is judged for", () => atAddress((url) => everyKind(["--url", url], "http")));

test("clients over HTTP reach a server on standard input and output", async () => {
  const args = ["--", node, SERVER];
  await listening(args, (transport) => everyKind([], "listen-stdio", transport));
});

test("clients over HTTP reach a server at an address", () =>
  atAddress((url) => listening(["--url", url], (transport) => everyKind([], "listen-http", transport))));

test("two clients over HTTP do not hear each other", () =>
  listening(["--", node, SERVER], async (transport) => {
    const both = ["one", "other"].map((mark) =>
      through([], undefined, async (client) => {
        for (let count = 0; count < 20; count++) {
          const ran = await run(client, `echo both-${mark}-${count}`);
          assert.equal(ran.content[0].text, `ran echo both-${mark}-${count}`);
        }
      }, transport));
    await Promise.all(both);
    const sessions = new Set((await traced("echo both-", 40)).map(({ context }) => context.session_id));
    assert.equal(sessions.size, 2);
  }));

test("without a sidecar the proxy judges by itself", async () => {
  await traces.kill();
  await through(["--", node, SERVER], undefined, async (client) => {
    assert.equal((await run(client, "echo alone-allowed")).isError, undefined);
    assert.equal((await run(client, "rm -rf / # alone-refused")).isError, true);
  });
  await traces.revive();
  assert.deepEqual((await traced("alone-allowed", 1)).map(told), [["execute", "completed", undefined]]);
  assert.deepEqual((await traced("alone-refused", 1)).map(told), [["deny", "refused", "denied"]]);
});
