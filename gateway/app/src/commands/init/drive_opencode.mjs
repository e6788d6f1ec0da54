// Loads smoltbot's plugin and hands it a call, as OpenCode does.
import { pathToFileURL } from "node:url";

const [file, , ...events] = process.argv.slice(1);
const exported = await import(pathToFileURL(file));
const plugin = Object.values(exported).find((value) => typeof value === "function");
if (!plugin) throw new Error("the plugin exports no function");
const directory = process.cwd();
const hooks = await plugin({ directory, worktree: directory, project: {}, client: {}, $: () => undefined });
for (const text of events) {
  const { hook, tool, params, session_id: sessionID, call_id: callID, result } = JSON.parse(text);
  const call = { tool, sessionID, callID };
  if (hook === "before") await hooks["tool.execute.before"](call, { args: params });
  else await hooks["tool.execute.after"]({ ...call, args: params }, { title: tool, output: result.content[0].text, metadata: { exit: 0 } });
}
// What is still being told is waited for, as when OpenCode stops.
await hooks.dispose?.();
process.exit(0);
