// A running `smoltbot up` with a home of its own on free ports, and the commands that go with it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** How long anything may take before it counts as never. */
const PATIENCE_MS = 20_000;

const binary = process.env.SMOLTBOT_BIN;
if (!binary) throw new Error("SMOLTBOT_BIN is not set: run these tests with `cargo xtask test`");

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

export class Smoltbot {
  /**
   * Starts it; resolves when all roles have printed their URLs. With `edge`, traces go to that edge instead of its own, and
   * `this.edge` is that one. `env` is added to its environment.
   */
  static async up({ edge, env: more = {} } = {}) {
    const home = await mkdtemp(join(tmpdir(), "smoltbot-e2e-"));
    const env = {
      ...process.env,
      SMOLTBOT_HOME: home,
      SMOLTBOT_GATEWAY__LISTEN: `127.0.0.1:${await freePort()}`,
      SMOLTBOT_EDGE__LISTEN: `127.0.0.1:${await freePort()}`,
      ...(edge ? { SMOLTBOT_API_URL: edge } : {}),
      ...more,
    };
    // A shell line of a test works in a directory that the test knows.
    await mkdir(join(home, "workspace"), { recursive: true });
    await writeFile(join(home, "workspace", "hello.txt"), "hello from the workspace\n");
    const process_ = spawn(binary, ["up"], { env, stdio: ["ignore", "pipe", "pipe"] });
    const smoltbot = new Smoltbot(home, env, process_);
    try {
      await smoltbot.#ready();
      if (edge) smoltbot.edge = edge;
    } catch (error) {
      await smoltbot.stop();
      throw error;
    }
    return smoltbot;
  }

  constructor(home, env, process_) {
    this.home = home;
    this.env = env;
    this.process = process_;
    this.log = "";
    process_.stderr.on("data", (data) => (this.log += data));
  }

  async #ready() {
    const urls = {};
    const lines = createInterface({ input: this.process.stdout });
    const deadline = setTimeout(() => this.process.kill("SIGKILL"), PATIENCE_MS);
    for await (const line of lines) {
      const [role, url] = line.split(/\s+/);
      urls[role] = url;
      if (urls.gateway && urls.edge) {
        clearTimeout(deadline);
        // Keep reading, so that the pipe never fills.
        this.process.stdout.resume();
        this.chat = urls.gateway;
        this.edge = urls.edge;
        // What asks the edge from the command line asks this one.
        this.env.SMOLTBOT_API_URL ??= urls.edge;
        return;
      }
    }
    clearTimeout(deadline);
    throw new Error(`\`smoltbot up\` did not print its URLs; it said:\n${this.log}`);
  }

  /** Feeds `events` to `smoltbot hook AGENT` and returns its answers. */
  async hook(agent, events) {
    const input = events.map((event) => JSON.stringify(event)).join("\n") + "\n";
    const output = await this.run(["hook", agent], input);
    return output.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
  }

  /** What the conscience says of these `{tool, params}`s, in their order. */
  async judge(calls) {
    const input = calls.map((call) => JSON.stringify({ cwd: this.home, ...call })).join("\n") + "\n";
    const output = await this.run(["check", "--stdin"], input);
    return output.trim().split("\n").map((line) => JSON.parse(line));
  }

  /** Runs `smoltbot ARGS` in this home and returns what it printed; `input` is what it reads, and all of it must be read. */
  async run(args, input) {
    const { code, out, err, unread } = await this.ends(args, input);
    const what = `\`smoltbot ${args.join(" ")}\``;
    if (code !== 0) throw new Error(`${what} ended with ${code}:\n${out}${err}`);
    if (unread) throw new Error(`${what} ended well and did not read its input (${unread.code}):\n${out}${err}`);
    return out;
  }

  /** The same, however it ends: `{ code, out, err }`, and `unread` where it did not read its input to the end. */
  async ends(args, input) {
    // A command that is told nothing gets no pipe: it may have ended before anything, even nothing, is written into one.
    const child = spawn(binary, args, { env: this.env, stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
    let [out, err, unread] = ["", ""];
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (err += data));
    child.stdin?.on("error", (error) => (unread = error)).end(input);
    const [code] = await once(child, "close");
    return { code, out, err, unread };
  }

  /** The traces that the edge lists, newest first, as soon as `enough(traces)` holds. */
  async traces(enough) {
    const deadline = Date.now() + PATIENCE_MS;
    let traces = [];
    while (Date.now() < deadline) {
      const response = await fetch(`${this.edge}/v1/traces?limit=500`);
      if (!response.ok) throw new Error(`GET /v1/traces: ${response.status} ${await response.text()}`);
      ({ traces } = await response.json());
      if (enough(traces)) return traces;
    }
    throw new Error(`the traces never came; there are ${JSON.stringify(traces, null, 1)}\n${this.log}`);
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill("SIGTERM");
      await once(this.process, "exit");
    }
    await rm(this.home, { recursive: true, force: true });
  }
}
