// Loads smoltbot's plugin and hands it events, as OpenClaw's gateway does.
import { pathToFileURL } from "node:url";

const [file, config, ...events] = process.argv.slice(1);
const { default: plugin } = await import(pathToFileURL(file));
const hooks = new Map();
const known = {
  id: plugin.id,
  pluginConfig: JSON.parse(config),
  logger: { debug() {}, info() {}, warn: console.error, error: console.error },
  on: (name, handler) => hooks.set(name, [...(hooks.get(name) ?? []), handler]),
};
// What else of OpenClaw's API the plugin uses does nothing here.
plugin.register(new Proxy(known, { get: (api, key) => (key in api ? api[key] : () => undefined) }));
for (const text of events) {
  const { hook, event, ctx } = JSON.parse(text);
  const handlers = hooks.get(hook) ?? [];
  if (handlers.length === 0) throw new Error(`the plugin does not listen to ${hook}`);
  for (const handler of handlers) {
    const answer = await handler(event, ctx);
    if (answer?.block) throw new Error(`the plugin refused the call: ${answer.blockReason}`);
  }
}
// What is still being told is waited for, as when a gateway stops.
for (const handler of hooks.get("gateway_stop") ?? []) await handler({}, {});
process.exit(0);
