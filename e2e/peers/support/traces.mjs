// What became of calls, as the edge tells it; and a smoltbot that is taken away and comes back.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "./openclaw.mjs";

export class Traces {
  constructor(smoltbot) {
    this.smoltbot = smoltbot;
  }

  /** The AP-Traces of the rows that are `wanted`, in their chain's order, once there are `count`; more are a mistake. */
  async where(wanted, count) {
    const rows = await until(`${count} traces`, async () => {
      const own = (await this.smoltbot.traces(() => true)).filter(wanted);
      return own.length >= count ? own : undefined;
    });
    if (rows.length > count) throw new Error(`there are ${rows.length} traces instead of ${count}: ${JSON.stringify(rows, null, 1)}`);
    const accept = { headers: { Accept: "application/aap-trace+json" } };
    const traces = await Promise.all(rows.map(async ({ id }) => (await fetch(`${this.smoltbot.edge}/v1/traces/${id}`, accept)).json()));
    return traces.sort((a, b) => a.context.metadata.seq - b.context.metadata.seq);
  }

  /** The AP-Traces of a run's calls. */
  of(run, count) {
    return this.where(({ metadata }) => metadata.run_id === run, count);
  }

  /** Has smoltbot be gone. */
  async kill() {
    const { process } = this.smoltbot;
    process.kill("SIGKILL");
    await once(process, "exit");
  }

  /** Has it be back. */
  async revive() {
    this.smoltbot.process = spawn(process.env.SMOLTBOT_BIN, ["up"], { env: this.smoltbot.env, stdio: "ignore" });
    await until("smoltbot is up again", async () => (await fetch(`${this.smoltbot.edge}/health`).catch(() => undefined))?.ok);
  }

  /** Takes a file away. */
  hide = (file) => rename(file, `${file}.hidden`);
  /** Puts it back. */
  show = (file) => rename(`${file}.hidden`, file);

  /** Has the card say that mode. */
  async mode(mode) {
    const file = join(this.smoltbot.home, "card.json");
    const card = JSON.parse(await readFile(file, "utf8"));
    await writeFile(file, JSON.stringify({ ...card, autonomy_mode: mode }, null, 2));
  }
}
