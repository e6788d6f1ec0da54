// smoltbot's plugin for OpenCode: hands each tool call to smoltbot before it runs and after it has ended, and throws where
// smoltbot refuses, which is how an OpenCode plugin stops a call.
//
// In scope: the way to smoltbot and back. Not in scope: judging, masking and recording; smoltbot does all of that, in its
// sidecar (over a Unix socket) or, where none runs, in a process of its own (`smoltbot hook opencode`, some milliseconds).
//
// OpenCode runs in Bun and takes every exported function for a plugin: nothing but the plugin is exported.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import http from "node:http";
import { homedir } from "node:os";
import { join } from "node:path";

/** Milliseconds that a sidecar has to answer; it takes less than one. After that a process of its own is asked. */
const SIDECAR_MS = 1000;
/** Milliseconds that such a process has. */
const COMMAND_MS = 5000;
/** Sessions that are remembered; the oldest is forgotten first. */
const MAX_SESSIONS = 1000;

/** The sidecar's answer: what `smoltbot hook` would have written. */
function overSocket(agent, socketPath, body) {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    // A timer of our own: a request's own one may wait for a connection that never comes.
    const timer = setTimeout(() => {
      reject(new Error("the sidecar did not answer in time"));
      request.destroy();
    }, SIDECAR_MS);
    const request = http.request({ socketPath, agent, method: "POST", path: "/v1/hook/opencode", headers }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        clearTimeout(timer);
        try {
          if (response.statusCode !== 200) throw new Error(`the sidecar answered ${response.statusCode}`);
          resolve(JSON.parse(Buffer.concat(chunks).toString("utf8")).stdout);
        } catch (error) {
          reject(error);
        }
      });
    });
    request.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    request.end(body);
  });
}

/** The answer of a process of its own. */
function overCommand(command, home, body) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, ["hook", "opencode"], { env: { ...process.env, SMOLTBOT_HOME: home }, timeout: COMMAND_MS });
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

/** What is told of a result: texts and numbers; an image's bytes are none of smoltbot's business. */
function resultOf(output) {
  const { title, output: text, metadata, content } = output ?? {};
  if (content !== undefined) return { content, metadata };
  // The shell's metadata repeats the output.
  const { output: _, ...rest } = metadata ?? {};
  return { title, output: text, metadata: rest };
}

/** A command's exit code, where the tool tells it. */
const exitOf = (output) => (typeof output?.metadata?.exit === "number" ? output.metadata.exit : undefined);

export const Smoltbot = async ({ directory, client }, options) => {
  const home = options?.home ?? process.env.SMOLTBOT_HOME ?? join(homedir(), ".smoltbot");
  /** Where the sidecar listens: it writes that down, for a home's path may be too long for a socket. */
  const listening = () => {
    const told = options?.socket ?? process.env.SMOLTBOT_SIDECAR__SOCKET;
    if (told) return told;
    try {
      return readFileSync(join(home, "sidecar.path"), "utf8").trim();
    } catch {
      return join(home, "sidecar.sock");
    }
  };
  let socket = listening();
  const command = options?.command ?? process.env.SMOLTBOT_COMMAND ?? "smoltbot";
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  /** What is being told of each call and session, so that a later event is told after an earlier one. */
  const telling = new Map();
  /** The parents of subagents' sessions. */
  const parents = new Map();
  /** Sessions that calls were told of and that have not ended. */
  const live = new Set();

  const complain = (message) =>
    client?.app?.log?.({ body: { service: "smoltbot", level: "warn", message } })?.catch?.(() => {});

  /** Hands an event over; the answer, an object. */
  async function tell(event) {
    const body = JSON.stringify({ ...event, cwd: directory });
    const line = await overSocket(agent, socket, body).catch(() => {
      socket = listening();
      return overCommand(command, home, body);
    });
    return JSON.parse(line);
  }

  /** Hands over what nobody waits for, after everything that was handed over under the same key. */
  function note(key, event) {
    const told = (telling.get(key) ?? Promise.resolve())
      .then(() => tell(event))
      .catch((error) => complain(`${event.hook} of ${event.tool ?? "a session"} was not recorded: ${error.message}`))
      .finally(() => telling.get(key) === told && telling.delete(key));
    telling.set(key, told);
    return told;
  }

  /** A subagent has a session of its own: its calls are told under the session of whom it works for. */
  function whose(session) {
    let top = session;
    for (let depth = 0; parents.has(top) && depth < 16; depth += 1) top = parents.get(top);
    live.add(top);
    if (live.size > MAX_SESSIONS) live.delete(live.keys().next().value);
    return top === session ? { session_id: session } : { session_id: top, subagent_id: session };
  }

  const call = (hook, input, params) => ({
    hook,
    tool: input.tool,
    params: params ?? {},
    call_id: input.callID,
    channel: "cli",
    ...whose(input.sessionID),
  });

  return {
    "tool.execute.before": async (input, output) => {
      let answer;
      try {
        answer = await tell(call("before", input, output?.args));
      } catch (error) {
        const reason = `smoltbot could not judge this call (${error.message}). Is it installed, and is \`${command}\` found?`;
        complain(reason);
        if (options?.onFailure === "allow") return;
        throw new Error(reason);
      }
      if (answer.decision) throw new Error(answer.reason);
    },

    "tool.execute.after": async (input, output) => {
      const event = { ...call("after", input, input.args), result: resultOf(output), exit_code: exitOf(output) };
      // OpenCode waits for its plugins; nobody has to wait for a record.
      void note(input.callID, event);
    },

    event: async ({ event }) => {
      const info = event?.properties?.info;
      const session = event?.properties?.sessionID ?? info?.id;
      if (!session) return;
      const tellSession = (change) => void note(session, { hook: "session", change, session_id: session });
      if (event.type === "session.created") {
        if (info?.parentID) {
          parents.set(session, info.parentID);
          if (parents.size > MAX_SESSIONS) parents.delete(parents.keys().next().value);
        } else {
          tellSession("started");
        }
      } else if (event.type === "session.idle") {
        if (!parents.has(session)) tellSession("turn_ended");
      } else if (event.type === "session.deleted") {
        live.delete(session);
        if (!parents.delete(session)) tellSession("ended");
      }
    },

    // OpenCode ends: what has not ended by now will not be heard of, and what is being told is to arrive.
    dispose: async () => {
      for (const session of live) void note(session, { hook: "session", change: "ended", session_id: session });
      await Promise.allSettled(telling.values());
      agent.destroy();
    },
  };
};
