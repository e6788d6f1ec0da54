// Real agents from npm with the hooks that `smoltbot init` installs: Claude Code, Codex, Gemini CLI and Copilot CLI. Their
// model calls what it is told to, and what the conscience says is what happens.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Smoltbot } from "../browser/support/smoltbot.mjs";
import { model } from "./support/model.mjs";
import { models } from "./support/models.mjs";

const tools = process.env.SMOLTBOT_TOOLS;
const binary = process.env.SMOLTBOT_BIN;
if (!tools || !binary) throw new Error("SMOLTBOT_TOOLS or SMOLTBOT_BIN is not set: run this with `cargo xtask test --peers`");

const modules = join(tools, "peers", "node_modules");
/** How long one run may take on a busy machine. */
const PATIENCE_MS = 180_000;

let smoltbot, others, copilots, dir, project;

before(async () => {
  smoltbot = await Smoltbot.up();
  others = await models();
  copilots = await model();
  dir = await mkdtemp(join(tmpdir(), "smoltbot-agents-"));
  project = join(dir, "project");
  await mkdir(project);
});

after(async () => {
  others?.close();
  copilots?.close();
  await smoltbot?.stop();
  if (dir) await rm(dir, { recursive: true, force: true });
});

const described = (command) => ({ command, description: "as told" });

/** Each agent: its directory, its shell, and how it is started with a message. Codex tells no exit codes. */
const AGENTS = {
  "claude-code": {
    place: ".claude",
    call: (command) => ({ tool: "Bash", params: described(command) }),
    start: (message) => [
      join(modules, "@anthropic-ai/claude-code-linux-x64/claude"),
      ["-p", message, "--allowedTools", "Bash"],
      { ANTHROPIC_API_KEY: "sk-none", ANTHROPIC_BASE_URL: others.url, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", DISABLE_AUTOUPDATER: "1" },
    ],
    codes: [undefined, 3],
  },
  codex: {
    place: ".codex",
    call: (cmd) => ({ tool: "exec_command", params: { cmd } }),
    prepare: (place) => {
      const provider = `[model_providers.told]\nname = "told"\nbase_url = "${others.url}/v1"\nwire_api = "responses"\n`;
      return writeFile(join(place, "config.toml"), `model = "told-1"\nmodel_provider = "told"\n${provider}`);
    },
    // Its person would trust the hooks by `/hooks`.
    start: (message) => [
      join(modules, "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex"),
      ["exec", "--skip-git-repo-check", "--dangerously-bypass-hook-trust", "--dangerously-bypass-approvals-and-sandbox", message],
      {},
    ],
    codes: [undefined, undefined],
  },
  gemini: {
    place: ".gemini",
    call: (command) => ({ tool: "run_shell_command", params: described(command) }),
    prepare: (place) => {
      const settings = { security: { auth: { selectedType: "gemini-api-key" } }, general: { enableAutoUpdate: false }, privacy: { usageStatisticsEnabled: false } };
      return writeFile(join(place, "settings.json"), JSON.stringify(settings));
    },
    start: (message) => [
      process.execPath,
      [join(modules, "@google/gemini-cli/bundle/gemini.js"), "--yolo", "--skip-trust", "-m", "gemini-2.5-pro", "-p", message],
      { GEMINI_API_KEY: "none", GOOGLE_GEMINI_BASE_URL: others.url },
    ],
    codes: [undefined, 3],
  },
  copilot: {
    place: ".copilot",
    call: (command) => ({ tool: "bash", params: described(command) }),
    start: (message) => [
      join(modules, "@github/copilot-linux-x64/copilot"),
      ["-p", message, "--allow-all-tools"],
      { COPILOT_OFFLINE: "true", COPILOT_PROVIDER_BASE_URL: copilots.url, COPILOT_PROVIDER_API_KEY: "none", COPILOT_MODEL: "told-1" },
    ],
    codes: [0, 3],
  },
};

/** Runs a program in the project, with nothing of the tester's own agents; what it shows. */
async function run([program, args, more]) {
  const { PATH } = process.env;
  const env = { PATH, PWD: project, HOME: dir, NO_COLOR: "1", SMOLTBOT_HOME: smoltbot.home, ...more };
  const child = spawn(program, args, { cwd: project, env, timeout: PATIENCE_MS, stdio: ["ignore", "pipe", "pipe"] });
  let shown = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (shown += text));
  const [code] = await once(child, "close");
  assert.equal(code, 0, shown);
  return shown;
}

for (const [name, { place, call, prepare, start, codes }] of Object.entries(AGENTS)) {
  test(`${name}: what init has installed hears every call, and stops what is refused`, async () => {
    await mkdir(join(dir, place), { recursive: true });
    await prepare?.(join(dir, place));
    await run([binary, ["init", "--agent", name, "--json"], { SMOLTBOT_API_URL: smoltbot.edge }]);

    const commands = [`echo hi > ${name}.txt`, `exit 3 # ${name}`, `touch ${name}.refused; rm -rf /`, `git reset --hard # ${name}`];
    const shown = await run(start(`CALLS ${JSON.stringify(commands.map(call))}`));
    assert.ok(existsSync(join(project, `${name}.txt`)), shown);
    assert.ok(!existsSync(join(project, `${name}.refused`)), shown);

    const own = (traces) => traces.filter(({ metadata }) => metadata.runtime === name && !metadata.proof);
    const traces = own(await smoltbot.traces((all) => own(all).length >= commands.length));
    const told = new Map(traces.map(({ action_type, params, metadata }) => {
      return [params.command, [action_type, metadata.outcome, metadata.exit_code ?? metadata.rule_id]];
    }));
    const expected = [
      ["allow", "completed", codes[0]],
      ["allow", "completed", codes[1]],
      ["deny", "refused", "fs.delete.root"],
      ["deny", "refused", "git.reset_hard"],
    ];
    assert.deepEqual(commands.map((command) => told.get(command)), expected, shown);
    assert.equal(traces.length, commands.length, "each call once");
  });
}
