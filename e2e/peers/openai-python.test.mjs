// OpenAI's own SDK for Python against our gateway: the cases of `support/openai_sdk.py`, each a test.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ALLOWED, Gateway, REFUSED, RULE } from "./support/gateway.mjs";
import { TOKENS } from "./support/providers.mjs";

const PYTHON = join(process.env.SMOLTBOT_TOOLS, "peers", "venv", "bin", "python");
const PROGRAM = fileURLToPath(new URL("support/openai_sdk.py", import.meta.url));

const listed = spawnSync(PYTHON, [PROGRAM], { encoding: "utf8" });
assert.equal(listed.status, 0, listed.stderr);
const cases = listed.stdout.trim().split("\n").map((line) => line.split("\t"));

let gateway;

before(async () => {
  gateway = await Gateway.start();
});

after(() => gateway?.stop());

for (const [name, what] of cases) {
  test(`PyPI: ${what}`, async () => {
    const world = { url: `${gateway.url}/v1`, token: gateway.token, providers: gateway.providers.url, home: gateway.smoltbot.home, tokens: TOKENS, allowed: ALLOWED, refused: REFUSED };
    const child = spawn(PYTHON, [PROGRAM, name, JSON.stringify(world)], { stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (err += data));
    const [code] = await once(child, "close");
    assert.equal(code, 0, out + err);
    // A case in which the agent acts prints the request's id.
    for (const request of out.trim().split("\n").filter(Boolean)) {
      const [allowed, refused] = await gateway.traces.of(request, 2);
      assert.equal(allowed.context.metadata.action_type, "allow");
      assert.deepEqual([refused.action.type, refused.context.metadata.rule_id], ["deny", RULE]);
    }
  });
}
