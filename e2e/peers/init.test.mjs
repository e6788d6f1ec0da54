// `smoltbot init` and nothing else: a real OpenClaw from npm whose settings know nothing of us, judged and traced from its next
// start on, and as it was when `smoltbot uninstall` has run.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Smoltbot } from "../browser/support/smoltbot.mjs";
import { BUDGET_MS, OpenClaw } from "./support/openclaw.mjs";
import { Traces } from "./support/traces.mjs";

let smoltbot, claw, traces, untouched, installed;

/** Runs smoltbot as OpenClaw's operator does. */
async function run(args) {
  const env = { ...claw.env, SMOLTBOT_API_URL: smoltbot.edge };
  const child = spawn(process.env.SMOLTBOT_BIN, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.on("data", (data) => (out += data));
  child.stderr.on("data", (data) => (err += data));
  const [code] = await once(child, "close");
  assert.equal(code, 0, `\`smoltbot ${args.join(" ")}\`: ${out}${err}`);
  return out;
}

before(async () => {
  smoltbot = await Smoltbot.up();
  const install = async (prepared) => {
    claw = prepared;
    // On a busy machine a process takes longer to start than people wait for a verdict.
    claw.env.SMOLTBOT_CONSCIENCE__BUDGET_MS = String(BUDGET_MS);
    untouched = await readFile(claw.settings, "utf8");
    installed = JSON.parse(await run(["init", "--agent", "openclaw", "--json"]));
  };
  await OpenClaw.start(smoltbot.home, install, { knows: false });
  traces = new Traces(smoltbot);
});

after(async () => {
  await claw?.stop();
  await smoltbot?.stop();
});

const exec = (command) => ({ tool: "exec", params: { command } });
const told = ({ action, context: { metadata } }) => [action.type, metadata.outcome, metadata.runtime];

test("init says that it is installed, and shows the page of its proof", () => {
  const [agent] = installed.agents.filter(({ name }) => name === "openclaw");
  assert.deepEqual([agent.found, agent.installed], [true, true]);
  assert.match(agent.reason, /openclaw gateway restart/, "what is left to do is said");
  assert.match(agent.proof, /^http:\/\/.*\/trace\/[0-9a-f-]{36}$/);
});

test("what nobody objects to runs and is traced", async () => {
  const { runId } = await claw.turn("allowed", [exec("echo allowed | tee allowed.txt")]);
  const [trace] = await traces.of(runId, 1);
  assert.deepEqual(told(trace), ["execute", "completed", "openclaw"]);
  assert.ok(existsSync(join(claw.workspace, "allowed.txt")));
});

test("what is refused does not run, and the agent is told why", async () => {
  const { runId } = await claw.turn("refused", [exec("touch refused.txt; rm -rf /")]);
  const [trace] = await traces.of(runId, 1);
  assert.deepEqual(told(trace), ["deny", "refused", "openclaw"]);
  assert.ok(!existsSync(join(claw.workspace, "refused.txt")));
  assert.match(claw.model.heard(), /Recursive delete of the root directory.*smoltbot rule fs\.delete\.root/s);
});

test("uninstall leaves its settings as they were, byte for byte", async () => {
  await claw.halt("SIGTERM");
  assert.notEqual(await readFile(claw.settings, "utf8"), untouched);
  await run(["uninstall"]);
  assert.equal(await readFile(claw.settings, "utf8"), untouched);
});
