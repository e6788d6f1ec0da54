// What the plugin goes by: its own configuration in OpenClaw's file, then the environment, then smoltbot's files.
//
// In scope: where smoltbot is, how long it may take, and what its card says when it does not answer. Not in scope: asking it
// (`smoltbot.js`).
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** What a verdict may take where nothing says otherwise; smoltbot's own default for `conscience.budget_ms`. */
const BUDGET_MS = 250;
/** The longest: OpenClaw blocks the call when a hook takes 15 s, and with no reason of ours. */
export const MAX_BUDGET_MS = 12_000;

/** A JSON file's content; undefined where there is none that can be read. */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/** The first text of a file; undefined where there is none. */
function line(file) {
  try {
    return readFileSync(file, "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}

const positive = (value) => (Number.isFinite(Number(value)) && Number(value) > 0 ? Number(value) : undefined);

export class Settings {
  /** `config` is `plugins.entries.smoltbot.config`. */
  constructor(config = {}) {
    this.home = config.home ?? process.env.SMOLTBOT_HOME ?? join(homedir(), ".smoltbot");
    this.command = config.command ?? "smoltbot";
    this.onFailure = config.onFailure;
    this.own = config;
    this.look();
  }

  /** Looks at smoltbot's files again; a new connection is a reason to. */
  look() {
    const { own, home } = this;
    const said = own.budgetMs ?? process.env.SMOLTBOT_CONSCIENCE__BUDGET_MS ?? read(join(home, "config.json"))?.conscience?.budget_ms;
    this.budgetMs = Math.min(positive(said) ?? BUDGET_MS, MAX_BUDGET_MS);
    // A sidecar writes down where it listens: a home's path may be too long for a socket.
    const told = own.socket ?? process.env.SMOLTBOT_SIDECAR__SOCKET ?? line(join(home, "sidecar.path"));
    this.socket = told ?? join(home, "sidecar.sock");
  }

  /**
   * Whether a call that smoltbot did not judge may run: what the operator said, else what the card's mode says. A card that
   * cannot be read enforces, as the one that `smoltbot init` makes does.
   */
  mayRunUnjudged() {
    if (this.onFailure) return this.onFailure === "allow";
    const card = read(join(this.home, "card.json"));
    return card !== undefined && (card.autonomy_mode ?? "observe") !== "enforce";
  }
}
