// An edge by its base URL: what is sent to it and asked of it over HTTP.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

/** How long anything may take before it counts as never. */
const PATIENCE_MS = 30_000;

export class Edge {
  constructor(url) {
    this.url = url.replace(/\/$/, "");
  }

  async #send(method, path, body) {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(this.url + path, { method, body: text, headers: { "content-type": "application/json" } });
    return { status: response.status, body: await response.json().catch(() => ({})) };
  }

  /** Sends a body of traces; all of it must be stored or known, unless `partly`. */
  async post(body, { partly = false } = {}) {
    const answer = await this.#send("POST", "/v1/traces", body);
    if (!partly) {
      const rejected = (answer.body.results ?? []).filter(({ status }) => status !== "stored" && status !== "duplicate");
      assert.equal(answer.status, 201, JSON.stringify(answer.body).slice(0, 600));
      assert.deepEqual(rejected.slice(0, 3), [], "each is stored");
    }
    return answer;
  }

  /** Puts every version of an agent's card. */
  async card(agent) {
    for (const card of agent.signedCards) {
      const answer = await this.#send("PUT", `/v1/agents/${agent.id}/card`, card);
      assert.ok([200, 201, 204].includes(answer.status), JSON.stringify(answer));
    }
  }

  /** Sends these calls of `agent`, in as few batches as can be. */
  async calls(agent, calls) {
    for (const body of agent.bodies(calls)) await this.post(body);
  }

  async get(path) {
    const response = await fetch(this.url + path);
    assert.ok(response.ok, `GET ${path}: ${response.status} ${await response.clone().text()}`);
    return response.json();
  }

  /** The listed traces under these filters, newest first, as soon as `enough(traces)` holds. */
  async traces(enough = () => true, filters = "") {
    const deadline = Date.now() + PATIENCE_MS;
    let traces = [];
    while (Date.now() < deadline) {
      ({ traces } = await this.get(`/v1/traces?limit=500${filters}`));
      if (enough(traces)) return traces;
      // Not for timing: the edge shares its cores with whoever asks.
      await pause(20);
    }
    throw new Error(`the traces never came; there are ${JSON.stringify(traces.slice(0, 5), null, 1)}`);
  }
}
