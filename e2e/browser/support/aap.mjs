// An agent with a key of its own, written from the wire's description alone: it links AP-Traces into a chain and signs batches
// and its card, as a sidecar does. Nothing of smoltbot's own code is in it, so that it also tells whether others can do this.
import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";

/** Keys of `context.metadata` that are the link itself and no content. */
const LINK_KEYS = ["stream", "seq", "prev", "salt", "commitment"];
/** DER around the 32 bytes of an Ed25519 seed (RFC 8410). */
const SEED_DER = Buffer.from("302e020100300506032b657004220420", "hex");
/** Traces in one batch, and the bytes of a body that are used at most: a step below the edge's limits of 500 and 4 MiB. */
const MOST_TRACES = 400;
const MOST_BYTES = 3_000_000;

/** An edge that is given may have met the agents of an earlier run: there, each run has agents of its own. */
const RUN = process.env.SMOLTBOT_EDGE_URL ? ` ${Date.now()}` : "";

const sha256 = (data) => createHash("sha256").update(data).digest();
const hex = (data) => sha256(data).toString("hex");

/** RFC 8785. JavaScript's own numbers and strings are the canonical ones; only the keys need an order. */
export function canonical(value) {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const fields = Object.keys(value).filter((key) => value[key] !== undefined).sort();
  return `{${fields.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

/** A UUID of `version` whose free bits are taken from these 16 bytes. */
function uuid(bytes, version) {
  const all = Buffer.from(bytes);
  all[6] = (all[6] & 0x0f) | (version << 4);
  all[8] = (all[8] & 0x3f) | 0x80;
  return all.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The id that a public key proves: version 8, its 122 free bits the first of the key's SHA-256. */
function idOfKey(key) {
  const all = BigInt(`0x${sha256(key).subarray(0, 16).toString("hex")}`) >> 6n;
  const id = ((all >> 74n) << 80n) | (((all >> 62n) & 0xfffn) << 64n) | (all & ((1n << 62n) - 1n));
  return uuid(Buffer.from(id.toString(16).padStart(32, "0"), "hex"), 8);
}

export class Agent {
  #key;
  #random = 0;

  /** The same `seed` gives the same agent, and the same ids of traces in the same order. */
  constructor(seed, { values, tools, forbidden = [], triggers = [], principal, name, url, runtime = "openclaw", now = Date.now() } = {}) {
    this.seed = `${seed}${RUN}`;
    const secret = sha256(`smoltbot demo agent ${this.seed}`);
    this.#key = createPrivateKey({ key: Buffer.concat([SEED_DER, secret]), format: "der", type: "pkcs8" });
    const raw = createPublicKey(this.#key).export({ format: "der", type: "spki" }).subarray(-32);
    this.publicKey = raw.toString("base64");
    this.keyBytes = raw;
    this.id = idOfKey(raw);
    this.runtime = runtime;
    this.card = {
      card_version: "unified/2026-04-26", card_id: "", agent_id: this.id, issued_at: new Date(now).toISOString(),
      autonomy_mode: "enforce", integrity_mode: "observe",
      principal: { type: "unspecified", relationship: "delegated_authority", ...principal },
      values: {
        declared: values ?? ["principal_benefit", "transparency", "minimal_data", "harm_prevention", "honesty", "user_control", "privacy", "fairness"],
        hierarchy: "contextual",
      },
      autonomy: {
        bounded_actions: tools ?? ["exec", "read", "write", "edit", "web_fetch", "list_files"],
        ...(triggers.length ? { escalation_triggers: triggers } : {}),
        ...(forbidden.length ? { forbidden_actions: forbidden } : {}),
      },
      audit: {
        retention_days: 365, queryable: true, query_endpoint: "https://traces.example/v1/traces",
        trace_format: "ap-trace-v1", tamper_evidence: "append_only",
      },
      extensions: name ? { smoltbot: { name, url } } : undefined,
    };
    /** Every version of the card, signed, in the order in which they were issued. */
    this.signedCards = [];
    this.#issue(now);
    this.#open(null);
  }

  #issue(now) {
    Object.assign(this.card, { card_id: "", issued_at: new Date(now).toISOString() });
    this.card.card_id = `ac-${hex(canonical(this.card)).slice(0, 32)}`;
    const value = sign(null, Buffer.from(canonical(this.card)), this.#key).toString("base64");
    // What is undefined is not there.
    const card = JSON.parse(JSON.stringify(this.card));
    this.signedCards.push({ alignment_card: card, signature: { algorithm: "ed25519", value, key_id: this.id }, public_key: this.publicKey });
  }

  /** From now on another version of the card judges. */
  promise(now, { forbidden, triggers, values }) {
    const { autonomy } = this.card;
    if (forbidden) autonomy.forbidden_actions = forbidden;
    if (triggers) autonomy.escalation_triggers = triggers;
    if (values) this.card.values.declared = values;
    this.#issue(now);
  }

  #bytes(what) {
    return sha256(`${this.seed} ${what} ${(this.#random += 1)}`).subarray(0, 16);
  }

  #open(succeeds) {
    this.stream = uuid(this.#bytes("stream"), 4);
    this.succeeds = succeeds;
    this.seq = 0;
    this.head = hex(JSON.stringify(["smoltbot/genesis/v1", this.id, this.stream, succeeds]));
  }

  /** The chain as it stands, to go back to: what is linked after `restore` says something else of the same places. */
  backup() {
    return { stream: this.stream, succeeds: this.succeeds, seq: this.seq, head: this.head };
  }

  restore(backup) {
    Object.assign(this, backup);
  }

  /** Goes on in a new stream that names the old one. */
  succeed() {
    this.#open(this.stream);
  }

  /** A version 7 id that carries the time `at`. */
  traceId(at) {
    const bytes = this.#bytes("trace");
    bytes.writeUIntBE(at, 0, 6);
    return uuid(bytes, 7);
  }

  /** The AP-Trace of one call, not yet in the chain. Fields that are left out are those of a quiet `exec`. */
  trace(call) {
    const {
      at, tool = "exec", params = { command: "ls -la" }, verdict = "allow", reason = "nothing objected", rule, values = [], advice,
      effects = [], result = null, error, exit, ms, session, run, callId, runtime = this.runtime, outcome, asked, extra = {},
    } = call;
    const traceId = this.traceId(at);
    const denied = verdict === "deny";
    const name = tool.replaceAll(", ", "_").replaceAll(":", "_");
    const action = name.trim() === "" ? "unnamed" : name;
    const listed = this.card.autonomy.bounded_actions.includes(action);
    const applied = values.filter((value) => this.card.values.declared.includes(value));
    const escalation = asked
      ? question(asked, { id: `esc-${traceId}`, rule })
      : denied
      ? { evaluated: true, required: true, reason: "conscience refused", triggers_checked: rule ? [{ trigger: rule, matched: true }] : undefined, escalation_status: "denied" }
      : listed ? undefined : { evaluated: true, required: false, reason: "the card does not list this tool; the conscience judged the call itself" };
    return {
      trace_id: traceId, agent_id: this.id, card_id: this.card.card_id, timestamp: new Date(at).toISOString(),
      action: { type: denied ? "deny" : "execute", name: action, category: denied || !listed ? "escalation_trigger" : "bounded", parameters: params },
      decision: {
        alternatives_considered: [{ option_id: "allow", description: `run ${tool}` }, { option_id: "deny", description: `refuse ${tool}` }],
        selected: denied ? "deny" : "allow", selection_reasoning: reason,
        values_applied: applied.length ? applied : this.card.values.declared.includes("transparency") ? ["transparency"] : [], confidence: 1,
      },
      escalation,
      context: {
        session_id: session,
        metadata: {
          action_type: verdict, tool_name: tool, duration_ms: outcome === "gap" ? null : (ms ?? (denied ? 0 : 12)), result,
          outcome: outcome ?? { allow: "completed", deny: "refused", error: "failed" }[verdict], conscience_reason: reason, values_violated: values,
          rule_id: rule, advice, effects: effects.length ? effects : undefined, error, exit_code: exit, runtime, run_id: run, tool_call_id: callId, ...(asked ? { approval: asked.evidence } : {}), ...extra,
        },
      },
    };
  }

  /** The next link of the chain: `{ header, document }`. */
  link(call) {
    // What is undefined is not there.
    const document = JSON.parse(JSON.stringify(this.trace(call)));
    const { metadata } = document.context;
    if (this.seq === 0 && this.succeeds) metadata.succeeds = this.succeeds;
    const salt = this.#bytes("salt").toString("base64");
    const commitment = hex(`smoltbot/content/v1\n${salt}\n${canonical(document)}`);
    this.seq += 1;
    const header = {
      agent_id: this.id, stream: this.stream, seq: this.seq, trace_id: document.trace_id, timestamp: document.timestamp,
      tool_name: metadata.tool_name, action_type: metadata.action_type, rule_id: metadata.rule_id, prev: this.head, commitment,
    };
    Object.assign(metadata, Object.fromEntries(LINK_KEYS.map((key) => [key, { ...header, salt }[key]])));
    this.head = hex(JSON.stringify([
      "smoltbot/link/v1", header.agent_id, header.stream, header.seq, header.trace_id, header.timestamp, header.tool_name,
      header.action_type, header.rule_id ?? null, header.prev, header.commitment,
    ]));
    return { header, document, digest: this.head };
  }

  /** The C2SP signed note over everything up to this link. */
  note({ header, digest }) {
    const text = `smoltbot/${this.id}/${header.stream}\n${header.seq}\n${Buffer.from(digest, "hex").toString("base64")}\n`;
    const name = `smoltbot/${this.id}`;
    const id = sha256(Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([1]), this.keyBytes])).subarray(0, 4);
    const signature = Buffer.concat([id, sign(null, Buffer.from(text), this.#key)]).toString("base64");
    return `${text}\n\u2014 ${name} ${signature}\n`;
  }

  /** The body that sends these links, which are a run without gaps. */
  body(links) {
    const batch = links.map(({ header, document }) => document ?? { held_back: header });
    return JSON.stringify({ batch, checkpoint: this.note(links.at(-1)), public_key: this.publicKey });
  }

  /** The bodies that send `calls`, as few as the edge's limits allow. */
  bodies(calls) {
    const bodies = [];
    let [links, bytes] = [[], 0];
    for (const call of calls) {
      const link = this.link(call);
      const size = JSON.stringify(link.document).length * 3;
      if (links.length && (links.length >= MOST_TRACES || bytes + size > MOST_BYTES)) {
        bodies.push(this.body(links));
        [links, bytes] = [[], 0];
      }
      links.push(link);
      bytes += size;
    }
    if (links.length) bodies.push(this.body(links));
    return bodies;
  }
}

/** AAP's escalation of a call about which a person was asked; `at` is when the answer came, if one did. */
function question({ status, said, at }, { id, rule }) {
  return {
    evaluated: true, required: true, reason: said, triggers_checked: [{ trigger: rule, matched: true }], escalation_id: id, escalation_status: status,
    principal_response: at ? { decision: status, timestamp: new Date(at).toISOString(), ...(status === "approved" ? { conditions: ["this call only"] } : {}) } : undefined,
  };
}

/** A trace in the flat form of published clients, which sign nothing. `number` makes its ids. */
export function flat(number, { at, tool = "exec", params = {}, verdict = "allow", result = null, ms = 12, metadata = {}, agent = 1 }) {
  const id = sha256(`flat ${agent} ${number}${RUN}`).subarray(0, 16);
  id.writeUIntBE(at, 0, 6);
  return {
    id: uuid(id, 7), agent_id: uuid(sha256(`flat agent ${agent}${RUN}`).subarray(0, 16), 4), timestamp: new Date(at).toISOString(),
    tool_name: tool, action_type: verdict, params, result, duration_ms: ms, metadata,
  };
}
