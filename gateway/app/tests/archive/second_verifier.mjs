// A second verifier of archives, written from docs/archive.md alone: with what Node brings and nothing else.
//
// Reads the file that is named, prints {"ok", "faults", "proven"}: the kinds of what does not hold, each once, sorted, and how far each
// chain is proven. AAP's own rules (`card_violated`) and all of AAP's schema (`bad_document`) are left to AAP's own verifiers.

import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const DIGEST = /^[0-9a-f]{64}$/;
const LINK_KEYS = ["stream", "seq", "prev", "salt", "commitment"];
const IN_HEADERS = {
  agent_id: (header) => header.agent_id,
  action_type: (header) => header.action_type,
  tool: (header) => header.tool_name,
  rule_id: (header) => header.rule_id,
};

const sha256 = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** RFC 8785: JavaScript's own numbers and strings, members sorted by UTF-16 code units. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

/** The id that a key proves: 48, 12 and 62 bits of its digest around version and variant. */
function agentOf(key) {
  const bits = [...sha256(key)].map((byte) => byte.toString(2).padStart(8, "0")).join("").slice(0, 122);
  const all = `${bits.slice(0, 48)}1000${bits.slice(48, 60)}10${bits.slice(60)}`;
  const hex = BigInt(`0b${all}`).toString(16).padStart(32, "0");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function keyOf(base64) {
  const raw = Buffer.from(base64, "base64");
  if (raw.length !== 32 || raw.toString("base64") !== base64) return null;
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]);
  return { raw, public: createPublicKey({ key: spki, format: "der", type: "spki" }) };
}

const holds = (key, message, signature) => signature.length === 64 && verify(null, message, key.public, signature);

const digestOf = (header) =>
  sha256(
    JSON.stringify([
      "smoltbot/link/v1", header.agent_id, header.stream, header.seq, header.trace_id, header.timestamp,
      header.tool_name, header.action_type, header.rule_id ?? null, header.prev, header.commitment,
    ]),
  ).toString("hex");

const genesisOf = (agent, stream, succeeds) =>
  sha256(JSON.stringify(["smoltbot/genesis/v1", agent, stream, succeeds ?? null])).toString("hex");

/** What a note signs, or null where its signature does not hold. */
function opened(note, agent, key) {
  const [text, signatures, ...more] = note.split("\n\n");
  if (!key || more.length > 0 || signatures === undefined) return null;
  const [origin, seq, base64, ...rest] = text.split("\n");
  const name = `smoltbot/${agent}`;
  const own = signatures.split("\n").find((line) => line.startsWith(`\u2014 ${name} `));
  if (rest.length > 0 || !origin.startsWith(`${name}/`) || !own || !/^[1-9][0-9]*$/.test(seq)) return null;
  const signature = Buffer.from(own.slice(`\u2014 ${name} `.length), "base64");
  const id = sha256(`${name}\n`, Buffer.from([1]), key.raw).subarray(0, 4);
  const message = Buffer.from(`${text}\n`);
  if (!signature.subarray(0, 4).equals(id) || !holds(key, message, signature.subarray(4))) return null;
  return { stream: origin.slice(name.length + 1), seq: Number(seq), digest: Buffer.from(base64, "base64").toString("hex") };
}

class Archive {
  faults = new Set();
  keys = new Map();
  cards = new Map();
  chains = new Map();
  current = null;
  ended = false;

  fault(kind) {
    this.faults.add(kind);
  }

  manifest(line) {
    const good = line?.kind === "manifest" && line.format === "smoltbot-archive/1" && typeof line.source === "string";
    if (!good || typeof line.selection !== "object" || line.selection === null) return false;
    this.selection = line.selection;
    this.countable = Object.keys(line.selection).every((name) => name in IN_HEADERS);
    return true;
  }

  wants(header) {
    const wanted = Object.entries(this.selection);
    return this.countable && wanted.every(([name, value]) => IN_HEADERS[name](header) === value);
  }

  agent(line) {
    const key = line.public_key === null ? null : keyOf(line.public_key);
    const proven = key !== null && agentOf(key.raw) === line.agent_id;
    const unsigned = line.public_key === null && line.agent_id[14] !== "8";
    if (!proven && !unsigned) this.fault("wrong_key");
    this.keys.set(line.agent_id, proven ? key : null);
  }

  card(line) {
    const { alignment_card: card, signature, public_key: base64, ...more } = line.signed_card;
    const key = keyOf(base64);
    const believed =
      key && agentOf(key.raw) === line.agent_id && card.agent_id === line.agent_id && signature.algorithm === "ed25519" &&
      Object.keys(more).length === 0 && Object.keys(signature).length === 3 &&
      holds(key, Buffer.from(canonical(card)), Buffer.from(signature.value, "base64"));
    if (!believed) return this.fault("bad_card");
    const name = `${line.agent_id}/${card.card_id}`;
    const before = this.cards.get(name) ?? canonical(card);
    if (before !== canonical(card)) return this.fault("bad_card");
    this.cards.set(name, before);
  }

  stream(line) {
    this.close();
    if (!this.keys.has(line.agent_id)) this.fault("wrong_key");
    const name = `${line.agent_id}/${line.stream}`;
    if (this.chains.has(name)) return this.fault("out_of_order");
    this.chains.set(name, { ...line, links: new Map(), dropped: [], since: 1, last: 0, head: null, whole: true, proven: 0 });
    this.current = name;
  }

  link(line) {
    const header = line.header;
    const chain = this.chains.get(`${header.agent_id}/${header.stream}`);
    if (!chain || this.current !== `${header.agent_id}/${header.stream}`) return this.fault("out_of_order");
    if (header.seq <= chain.last) return this.fault("out_of_order");
    const digest = digestOf(header);
    const broken = (kind) => {
      this.fault(kind);
      chain.whole = false;
    };
    if (header.seq !== chain.last + 1) broken("gap");
    else if (chain.head !== null && chain.head !== header.prev) broken("broken_chain");
    if (digest !== line.digest) broken("wrong_digest");
    [chain.last, chain.head] = [header.seq, digest];
    chain.links.set(header.seq, { header, answered: false });
    if (line.note === undefined || line.note === null) return;
    const signed = opened(line.note, header.agent_id, this.keys.get(header.agent_id));
    if (!signed || signed.stream !== header.stream || signed.seq !== header.seq) this.fault("bad_note");
    else if (signed.digest !== digest) this.fault("two_notes");
    else if (chain.whole) chain.proven = header.seq;
  }

  dropped({ agent_id: agent, stream, from, to }) {
    const chain = this.chains.get(`${agent}/${stream}`);
    if (!chain || this.current !== `${agent}/${stream}`) return this.fault("out_of_order");
    if (from <= chain.last || to < from || to > chain.last_seq) return this.fault("out_of_order");
    this.covered(chain);
    if (from !== chain.last + 1) {
      this.fault("gap");
      chain.whole = false;
    }
    chain.dropped.push([from, to]);
    [chain.since, chain.last, chain.head] = [to + 1, to, null];
  }

  /** The links since the chain's begin, or since the last dropped ones, are under notes. */
  covered(chain) {
    if (chain.last >= Math.max(chain.since, chain.proven + 1)) this.fault("not_signed");
  }

  close() {
    const chain = this.chains.get(this.current);
    this.current = null;
    if (!chain) return;
    if (chain.last !== chain.last_seq) this.fault("gap");
    else if (chain.head !== null && chain.head !== chain.digest) this.fault("broken_chain");
    this.covered(chain);
  }

  equivocation() {
    this.fault("two_notes");
  }

  document({ document }) {
    const told = document?.context?.metadata ?? {};
    const ids = [document?.trace_id, document?.agent_id];
    const decision = document?.decision;
    const options = decision?.alternatives_considered ?? [];
    const formed = ids.every((id) => UUID.test(id)) && options.some((option) => option.option_id === decision?.selected);
    if (!formed || typeof document.action?.name !== "string") return this.broken(document, "bad_document");
    if (LINK_KEYS.every((key) => told[key] === undefined)) {
      if (document.agent_id[14] === "8") this.fault("not_in_chain");
      return;
    }
    const content = structuredClone(document);
    for (const key of LINK_KEYS) delete content.context.metadata[key];
    const commitment = sha256("smoltbot/content/v1\n", told.salt, "\n", canonical(content)).toString("hex");
    if (commitment !== told.commitment) return this.broken(document, "wrong_content");
    const link = this.place(document);
    if (!link) return this.fault("not_in_chain");
    link.answered = true;
    const { header } = link;
    const same =
      header.trace_id === document.trace_id && header.tool_name === (told.tool_name ?? document.action.name) &&
      header.action_type === told.action_type && (header.rule_id ?? null) === (told.rule_id ?? null) &&
      header.prev === told.prev && header.commitment === told.commitment &&
      Date.parse(header.timestamp) === Date.parse(document.timestamp);
    if (!same) this.fault("wrong_content");
    const begins = genesisOf(document.agent_id, told.stream, told.succeeds);
    if (told.seq === 1 && told.prev !== begins) this.fault("broken_chain");
  }

  place(document) {
    const told = document?.context?.metadata;
    return this.chains.get(`${document?.agent_id}/${told?.stream}`)?.links.get(told?.seq);
  }

  /** It is here, if not as it should be: that is told once. */
  broken(document, kind) {
    this.fault(kind);
    const link = this.place(document);
    if (link) link.answered = true;
  }

  missing(line) {
    if (line.stream === null || line.seq === null) return;
    const chains = [...this.chains.values()].filter((chain) => chain.stream === line.stream);
    const link = chains[0]?.links.get(line.seq);
    if (line.why === "dropped") {
      const gone = chains[0]?.dropped.some(([from, to]) => from <= line.seq && line.seq <= to);
      if (!gone) this.fault("not_in_chain");
    } else if (link?.header.trace_id === line.trace_id) link.answered = true;
    else this.fault("not_in_chain");
  }

  leftOut() {
    for (const chain of this.chains.values())
      for (const link of chain.links.values())
        if (this.wants(link.header) && !link.answered) this.fault("left_out");
  }
}

const SHAPES = {
  agent: (line) => UUID.test(line.agent_id) && (line.public_key === null || typeof line.public_key === "string"),
  card: (line) => UUID.test(line.agent_id) && typeof line.signed_card === "object",
  stream: (line) => UUID.test(line.agent_id) && UUID.test(line.stream) && Number.isInteger(line.last_seq) && DIGEST.test(line.digest),
  link: (line) => DIGEST.test(line.digest) && DIGEST.test(line.header?.prev) && DIGEST.test(line.header?.commitment),
  dropped: (line) => UUID.test(line.agent_id) && UUID.test(line.stream) && Number.isInteger(line.from) && Number.isInteger(line.to),
  equivocation: (line) => UUID.test(line.agent_id) && typeof line.second_note === "string",
  document: (line) => line.document !== undefined,
  missing: (line) => UUID.test(line.trace_id),
};

function check(bytes) {
  const archive = new Archive();
  const lines = [];
  for (let begin = 0; begin < bytes.length; ) {
    const found = bytes.indexOf(10, begin);
    const end = found < 0 ? bytes.length : found;
    lines.push({ begin, bytes: bytes.subarray(begin, end) });
    begin = end + 1;
  }
  for (const [index, { begin, bytes: text }] of lines.entries()) {
    let line = null;
    try {
      line = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text));
    } catch {
      // Told below.
    }
    if (index === 0) {
      if (archive.manifest(line)) continue;
      archive.fault("not_an_archive");
      return archive;
    }
    if (archive.ended) archive.fault("truncated");
    else if (line?.kind === "end" && DIGEST.test(line.sha256)) {
      archive.ended = true;
      if (line.lines !== index) archive.fault("truncated");
      else if (sha256(bytes.subarray(0, begin)).toString("hex") !== line.sha256) archive.fault("checksum");
    } else if (Object.hasOwn(SHAPES, line?.kind ?? "") && SHAPES[line.kind](line)) archive[line.kind](line);
    else archive.fault("unreadable_line");
  }
  if (!archive.ended) archive.fault("truncated");
  archive.close();
  archive.leftOut();
  return archive;
}

const archive = check(readFileSync(process.argv[2]));
const proven = [...archive.chains.values()].map((chain) => ({ stream: chain.stream, proven_to: chain.proven }));
console.log(JSON.stringify({ ok: archive.faults.size === 0, faults: [...archive.faults].sort(), proven }));
