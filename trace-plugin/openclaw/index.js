// smoltbot's plugin for OpenClaw: hands each tool call to smoltbot before it runs and after it has ended, and does what
// smoltbot answers: nothing, `block`, or `requireApproval`. What a person then says is handed over, too.
//
// In scope: the way to smoltbot and back. Not in scope: judging, masking and recording; smoltbot does all of that, in its
// sidecar (over a Unix socket) or, where none runs, in a process of its own (`smoltbot hook openclaw`, some milliseconds).
import { spawn } from "node:child_process";
import http from "node:http";
import { homedir } from "node:os";
import { join } from "node:path";

/** Milliseconds that a sidecar has to answer; it takes less than one. After that a process of its own is asked. */
const SIDECAR_MS = 1000;
/** Milliseconds that such a process has. Together they stay far below the 15 s after which OpenClaw gives up on a hook. */
const COMMAND_MS = 5000;
/** After all other plugins, so that what is judged is what will run. */
const LAST = -1000;
/** What is handed over of an event and of its context; the rest is none of smoltbot's business. */
const EVENT = ["toolName", "params", "runId", "toolCallId", "result", "error", "durationMs", "resolution"];
const CONTEXT = ["toolName", "agentId", "sessionId", "sessionKey", "runId", "toolCallId", "requester", "channelId"];

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
/** What is being told of each call, so that its end is told after a person's answer. */
const telling = new Map();

const pick = (from, keys) => Object.fromEntries(keys.filter((key) => from?.[key] !== undefined).map((key) => [key, from[key]]));

function overSocket(socketPath, body) {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const request = http.request({ socketPath, agent, method: "POST", path: "/v1/hook/openclaw", headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        try {
          if (response.statusCode !== 200) throw new Error(`the sidecar answered ${response.statusCode}`);
          resolve(JSON.parse(Buffer.concat(chunks)).stdout);
        } catch (error) {
          reject(error);
        }
      });
    });
    request.setTimeout(SIDECAR_MS, () => request.destroy(new Error("the sidecar did not answer in time")));
    request.on("error", reject);
    request.end(body);
  });
}

function overCommand(command, home, body) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, ["hook", "openclaw"], { env: { ...process.env, SMOLTBOT_HOME: home }, timeout: COMMAND_MS });
    let out = "";
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
    child.stdin.on("error", () => {}); // It may have answered before it read everything.
    child.on("error", reject);
    child.on("close", (code) => (out ? resolve(out) : reject(new Error(`it ended with ${code}: ${said.trim()}`))));
    child.stdin.end(body);
  });
}

export default {
  id: "smoltbot",
  name: "smoltbot",
  description: "Asks smoltbot's conscience before each tool call, and records what came of it",
  register(api) {
    const config = api.pluginConfig ?? {};
    const home = config.home ?? process.env.SMOLTBOT_HOME ?? join(homedir(), ".smoltbot");
    const command = config.command ?? "smoltbot";

    /** Hands one hook's event over; the answer, an object. */
    async function tell(hook, event, ctx) {
      const body = JSON.stringify({ hook, event: pick(event, EVENT), ctx: pick(ctx, CONTEXT) });
      const line = await overSocket(join(home, "sidecar.sock"), body).catch(() => overCommand(command, home, body));
      return JSON.parse(line);
    }

    /** Hands over what nobody waits for, after everything that was handed over of the same call. */
    function note(hook, event, ctx) {
      const call = `${event.runId ?? ctx?.runId}\u001f${event.toolCallId ?? ctx?.toolCallId}`;
      const told = (telling.get(call) ?? Promise.resolve())
        .then(() => tell(hook, event, ctx))
        .catch((error) => api.logger?.warn?.(`smoltbot: ${hook} of ${event.toolName} was not recorded: ${error.message}`))
        .finally(() => telling.get(call) === told && telling.delete(call));
      telling.set(call, told);
      return told;
    }

    api.on("before_tool_call", async (event, ctx) => {
      let answer;
      try {
        answer = await tell("before_tool_call", event, ctx);
      } catch (error) {
        const reason = `smoltbot could not judge this call (${error.message}). Is it installed, and is \`${command}\` found?`;
        api.logger?.error?.(reason);
        return config.onFailure === "allow" ? undefined : { block: true, blockReason: reason };
      }
      if (answer.block) return { block: true, blockReason: answer.blockReason };
      if (!answer.requireApproval) return undefined;
      const onResolution = (resolution) => note("approval_resolved", { ...event, resolution }, ctx);
      return { requireApproval: { ...answer.requireApproval, onResolution } };
    }, { priority: LAST });

    api.on("after_tool_call", (event, ctx) => note("after_tool_call", event, ctx), { priority: LAST });
  },
};
