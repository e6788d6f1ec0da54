// A real OpenCode from npm with smoltbot's plugin: its agent calls tools, and what the conscience says is what happens.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Smoltbot } from "../browser/support/smoltbot.mjs";
import { model } from "./support/model.mjs";

const tools = process.env.SMOLTBOT_TOOLS;
const binary = process.env.SMOLTBOT_BIN;
if (!tools || !binary) throw new Error("SMOLTBOT_TOOLS or SMOLTBOT_BIN is not set: run this with `cargo xtask test --peers`");

const program = join(tools, "peers", "node_modules", "opencode-linux-x64", "bin", "opencode");
const PLUGIN = fileURLToPath(new URL("../../trace-plugin/opencode/smoltbot.js", import.meta.url));
/** How long one run may take on a busy machine. */
const PATIENCE_MS = 180_000;

let smoltbot, told, dir, project;

before(async () => {
  smoltbot = await Smoltbot.up();
  told = await model();
  dir = await mkdtemp(join(tmpdir(), "smoltbot-opencode-"));
  project = join(dir, "project");
  await mkdir(project);
  const options = { baseURL: told.url, apiKey: "none" };
  const provider = { told: { npm: "@ai-sdk/openai-compatible", name: "told", options, models: { "told-1": { name: "told", tool_call: true } } } };
  const plugin = [[PLUGIN, { home: smoltbot.home, command: binary }]];
  const config = { provider, plugin, model: "told/told-1", small_model: "told/told-1", autoupdate: false, share: "disabled", permission: "allow" };
  await writeFile(join(project, "opencode.json"), JSON.stringify(config));
});

after(async () => {
  told?.close();
  await smoltbot?.stop();
  if (dir) await rm(dir, { recursive: true, force: true });
});

/** One turn in which the model calls these tools; what OpenCode shows of it. It believes PWD where it runs. */
async function turn(calls) {
  const env = { ...process.env, PWD: project, HOME: dir, XDG_CONFIG_HOME: join(dir, ".config"), OPENCODE_DISABLE_MODELS_FETCH: "1", OPENCODE_DISABLE_AUTOUPDATE: "1" };
  const child = spawn(program, ["run", "go"], { cwd: project, env, timeout: PATIENCE_MS, stdio: ["pipe", "pipe", "pipe"] });
  let shown = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (shown += text));
  child.stdin.end(`CALLS ${JSON.stringify(calls)}\n`);
  const [code] = await once(child, "close");
  assert.equal(code, 0, shown);
  return shown;
}

const bash = (command) => ({ tool: "bash", params: { command, description: "as told" } });

/** What became of the calls whose parameters name `word`, oldest first, once there are `count`. */
async function traced(word, count) {
  const named = (traces) => traces.filter(({ params }) => JSON.stringify(params).includes(word));
  const traces = await smoltbot.traces((all) => named(all).length >= count);
  return named(traces).reverse().map(({ action_type, metadata }) => [action_type, metadata.outcome, metadata.exit_code ?? metadata.rule_id]);
}

test("what nobody objects to runs, and its end is told, also where it fails", async () => {
  const shown = await turn([bash("echo first > first.txt"), bash("exit 3 # first"), { tool: "read", params: { filePath: "/first/nowhere" } }]);
  assert.ok(existsSync(join(project, "first.txt")), shown);
  // OpenCode tells no end of a tool that fails; that it has ended itself tells that none will come.
  assert.deepEqual(await traced("first", 3), [["allow", "completed", 0], ["allow", "completed", 3], ["allow", "orphan", undefined]]);
});

test("what is refused does not run, and the agent is told why", async () => {
  const shown = await turn([bash("touch second.txt; rm -rf /"), bash("git reset --hard # second")]);
  assert.match(shown, /Recursive delete of the root directory.*smoltbot rule fs\.delete\.root/);
  assert.ok(!existsSync(join(project, "second.txt")), shown);
  assert.deepEqual(await traced("second", 2), [["deny", "refused", "fs.delete.root"], ["deny", "refused", "git.reset_hard"]]);
});

test("without a sidecar each call is judged by a process of its own, and told later", async () => {
  smoltbot.process.kill("SIGKILL");
  await once(smoltbot.process, "exit");
  await turn([bash("touch third.txt; rm -rf /"), bash("echo third > third.too.txt")]);
  assert.ok(!existsSync(join(project, "third.txt")) && existsSync(join(project, "third.too.txt")));
  smoltbot.process = spawn(binary, ["up"], { env: smoltbot.env, stdio: "ignore" });
  for (let up = false; !up; ) up = (await fetch(`${smoltbot.edge}/health`).catch(() => undefined))?.ok;
  assert.deepEqual(await traced("third", 2), [["deny", "refused", "fs.delete.root"], ["allow", "completed", 0]]);
});
