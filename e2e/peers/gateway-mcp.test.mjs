// The gateway's own agent with servers made with MCP's own SDK, over each transport: `[mcp.NAME]`, a tool, and its trace.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Smoltbot } from "../browser/support/smoltbot.mjs";
import { node } from "./support/openclaw.mjs";
import { Traces } from "./support/traces.mjs";

const SERVER = fileURLToPath(new URL("support/mcp-server.mjs", import.meta.url));

let directory, notes, elsewhere, smoltbot, traces, token;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "smoltbot-mcp-"));
  notes = join(directory, "notes");
  await writeFile(notes, "");
  const env = { ...process.env, NOTES: notes };
  elsewhere = spawn(node, [SERVER, "http"], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [url] = await once(elsewhere.stdout, "data");
  smoltbot = await Smoltbot.up({
    env: {
      SMOLTBOT_MCP__HERE__COMMAND: node,
      SMOLTBOT_MCP__HERE__ARGS: SERVER,
      SMOLTBOT_MCP__HERE__ENV: `NOTES=${notes},SMOLTBOT_TOOLS=\${SMOLTBOT_TOOLS}`,
      SMOLTBOT_MCP__ELSEWHERE__URL: String(url).trim(),
    },
  });
  traces = new Traces(smoltbot);
  token = (await readFile(join(smoltbot.home, "gateway.token"), "utf8")).trim();
});

after(async () => {
  await smoltbot?.stop();
  elsewhere?.kill();
  if (directory) await rm(directory, { recursive: true });
});

/** What becomes of a call that a person makes in the chat. */
async function run(tool, params) {
  const answer = await fetch(new URL("/api/chat", smoltbot.chat), {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ message: `/run ${tool} ${JSON.stringify(params)}` }),
  });
  assert.equal(answer.status, 200);
  return answer.json();
}

for (const where of ["here", "elsewhere"]) {
  test(`tools of a server that is ${where} are judged, called and traced`, async () => {
    const tool = `mcp__${where}__execute_command`;
    const ran = await run(tool, { command: `echo ${where}-allowed` });
    assert.equal(ran.kind, "result", JSON.stringify(ran));
    assert.equal(ran.result.text, `ran echo ${where}-allowed`);
    const refused = await run(tool, { command: `rm -rf / # ${where}-refused` });
    assert.equal(refused.kind, "refusal", JSON.stringify(refused));
    assert.match(refused.reason, /Recursive delete of the root directory/);
    const failed = await run(`mcp__${where}__fail`, { mark: `${where}-failed` });
    assert.deepEqual([failed.kind, failed.error], ["failure", "it failed"]);
    const heard = (await readFile(notes, "utf8")).split("\n").filter((line) => line.includes(`${where}-`));
    assert.deepEqual(heard, [`echo ${where}-allowed`], "what is refused never reaches it");
    for (const [mark, type] of [["allowed", "allow"], ["refused", "deny"], ["failed", "error"]]) {
      const [trace] = await traces.where(({ params }) => JSON.stringify(params).includes(`${where}-${mark}`), 1);
      assert.equal(trace.context.metadata.action_type, type);
      assert.match(trace.context.metadata.tool_name, new RegExp(`^mcp__${where}__`));
    }
  });
}
