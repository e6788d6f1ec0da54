// What the plugin adds to a tool call: its real before-hook against a sidecar that runs, with a stand-in for OpenClaw's `api`.
// Run by `cargo xtask bench openclaw`; prints JSON. Not part of the package.
import http from "node:http";
import plugin from "./index.js";
import { Settings } from "./settings.js";

const CALLS = 2_000;
/** The first calls of a process, which are told apart: V8 still compiles the code that they run through. */
const FIRST = 200;
/** Calls until V8 has compiled it for good; before that, every fiftieth stands still for milliseconds wherever it is then. */
const WARM_UP = 3_000;

const hooks = {};
plugin.register({ on: (name, handler) => (hooks[name] = handler), logger: console, pluginConfig: { budgetMs: 10_000 } });
const { socket } = new Settings();

async function series(name, once, { warmUp = WARM_UP, calls = CALLS } = {}) {
  const samples = [];
  for (let n = -warmUp; n < calls; n += 1) {
    const began = process.hrtime.bigint();
    await once(n);
    if (n >= 0) samples.push(Number(process.hrtime.bigint() - began) / 1e6);
  }
  return { name, unit: "ms", samples };
}

const context = (toolCallId) => ({ toolName: "exec", agentId: "main", sessionId: "bench", sessionKey: "agent:main:bench", runId: "bench", toolCallId });

/** One call: judged, and its end told as OpenClaw tells it. */
function call(kind, command, expected) {
  return async (n) => {
    const event = { toolName: "exec", params: { command }, runId: "bench", toolCallId: `${kind}-${n}` };
    const answer = await hooks.before_tool_call(event, context(event.toolCallId));
    // A fast wrong answer is no result.
    if (Boolean(answer?.block) !== expected) throw new Error(`\`${command}\` got the wrong answer: ${JSON.stringify(answer)}`);
  };
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const health = () => new Promise((resolve, reject) => {
  const request = http.get({ socketPath: socket, agent, path: "/health" }, (response) => response.resume().on("end", resolve));
  request.on("error", reject);
});

const found = [
  await series(`before-hook, allowed, the first ${FIRST} of a process`, call("first", "ls -la src", false), { warmUp: 0, calls: FIRST }),
  await series("floor: /health over the same socket", health),
  await series("before-hook, allowed", call("allowed", "ls -la src", false)),
  await series("before-hook, refused", call("refused", "rm -rf /", true)),
];
console.log(JSON.stringify(found));
process.exit(0);
