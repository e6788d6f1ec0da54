// A dashboard with days of several agents in it, at the base URL that is given, or at one that is started here.
import { call, morning } from "./events.mjs";
import { BY_LEAVE, WITHIN, demo, feed } from "./demo.mjs";
import { Edge } from "./edge.mjs";
import { flat } from "./aap.mjs";
import { Smoltbot } from "./smoltbot.mjs";

const encode = encodeURIComponent;

export class Site {
  /**
   * Feeds the edge at `$SMOLTBOT_EDGE_URL` (which limits nobody), or starts one; by `POST /v1/traces` for the past, by
   * `smoltbot hook` for this morning. `scale` is the number of calls of each agent of the past.
   */
  static async open({ scale = 260 } = {}) {
    const url = process.env.SMOLTBOT_EDGE_URL;
    const smoltbot = await Smoltbot.up({ edge: url, env: url ? {} : NO_LIMITS });
    try {
      const site = new Site(smoltbot);
      await site.#feed(scale);
      return site;
    } catch (error) {
      await smoltbot.stop();
      throw error;
    }
  }

  constructor(smoltbot) {
    this.smoltbot = smoltbot;
    this.edge = new Edge(smoltbot.edge);
  }

  async #feed(scale) {
    this.past = await demo({ judge: (calls) => this.smoltbot.judge(calls), scale });
    await feed(this.edge, this.past);
    const events = morning();
    await this.smoltbot.hook("openclaw", events);
    this.local = JSON.parse(await this.smoltbot.run(["status", "--json"])).agent_id;
    const all = await this.edge.traces((traces) => traces.length >= events.length / 2, `&agent_id=${this.local}`);
    this.morning = all;
    this.agents = Object.fromEntries(this.past.agents.map(({ name, agent }) => [name, agent.id]));
    this.agents.unsigned = flat(0, { at: Date.now(), agent: 9 }).agent_id;
    const { traces } = await this.edge.get(`/v1/traces?agent_id=${this.agents.coding}&session_id=${BY_LEAVE}`);
    this.byLeave = traces.reverse().map(({ id }) => `/trace/${id}`);
    const ops = (filter) => this.edge.get(`/v1/traces?agent_id=${this.agents.ops}&${filter}`);
    const [inner, outer] = (await ops(`session_id=${WITHIN}`)).traces;
    const [loss] = (await ops("tool=smoltbot.gap")).traces;
    this.parts = { inner: `/trace/${inner.id}`, outer: `/trace/${outer.id}`, loss: `/trace/${loss.id}` };
    const { cards } = await this.edge.get(`/v1/agents/${this.agents.coding}/cards`);
    this.cards = cards.map(({ card_id: id }) => `/agent/${this.agents.coding}/card/${id}`);
    this.pages = this.#pages(all);
  }

  #pages(morning) {
    const of = (want) => morning.find(want) ?? fail("such a trace of the morning");
    const allowed = of((t) => t.action_type === "allow" && t.tool_name === "read");
    const refused = of((t) => t.action_type === "deny" && t.metadata.rule_id === "fs.delete.root");
    const failed = of((t) => t.action_type === "error");
    const masked = of((t) => JSON.stringify(t.params).includes("[redacted:"));
    const agent = (id) => `/agent/${id}`;
    const { coding, ops, night, support, unsigned } = this.agents;
    return {
      home: "/",
      traces: "/traces",
      "traces-refused": "/traces?verdict=deny&since=-30d",
      "traces-nothing": "/traces?tool=no-such-tool",
      agent: agent(coding),
      "agent-gap": agent(ops),
      "agent-fork": agent(night),
      "agent-quiet": agent(support),
      "agent-unsigned": agent(unsigned),
      "agent-local": agent(this.local),
      "agent-traces": `${agent(coding)}/traces`,
      session: `${agent(this.local)}/session/${encode(allowed.metadata.session_id)}`,
      "session-parallel": `${agent(coding)}/session/${encode(this.past.parallel)}`,
      "trace-allowed": `/trace/${allowed.id}`,
      "trace-refused": `/trace/${refused.id}`,
      "trace-failed": `/trace/${failed.id}`,
      "trace-masked": `/trace/${masked.id}`,
      "trace-within": this.parts.inner,
      "trace-loss": this.parts.loss,
      "trace-approved": this.byLeave[0],
      "trace-unanswered": this.byLeave[2],
      "trace-excepted": this.byLeave[3],
      card: this.cards[0],
      "card-superseded": this.cards.at(-1),
      refusals: "/refusals",
      "refusals-rule": "/refusals?rule=fs.delete.root",
      about: "/about",
      embed: `/embed/${coding}`,
    };
  }

  /** Pages that are no HTML of ours, by their path: their type. */
  get files() {
    const { coding } = this.agents;
    return {
      [`/badge/${coding}.svg`]: "image/svg+xml",
      [`/card/${coding}.svg`]: "image/svg+xml",
      [`/og/${coding}.png`]: "image/png",
      [`/feed/agent/${coding}.atom`]: "application/atom+xml",
      [`/feed/agent/${coding}.json`]: "application/feed+json",
      "/feed/refusals.atom": "application/atom+xml",
      "/feed/refusals.json": "application/feed+json",
      "/sitemap.xml": "application/xml",
      "/robots.txt": "text/plain",
    };
  }

  url(path) {
    return this.edge.url + path;
  }

  /** One call of the local agent, by its hook. */
  hook(told) {
    return this.smoltbot.hook("openclaw", call(told));
  }

  /** One call of the support agent, posted as its sidecar would, at this moment. */
  async happen(told) {
    const { agent } = this.past.agents.find(({ name }) => name === "support");
    await this.edge.post(agent.body([agent.link({ at: Date.now(), session: "support-today", ...told })]));
  }

  async close() {
    await this.smoltbot.stop();
  }
}

/** The feed comes from one address, faster than anybody types. */
export const NO_LIMITS = {
  SMOLTBOT_EDGE__LIMIT_PER_MINUTE: "0",
  SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE: "0",
  SMOLTBOT_EDGE__LIMIT_NEW_AGENTS_PER_HOUR: "0",
};

function fail(what) {
  throw new Error(`there is not ${what}`);
}
