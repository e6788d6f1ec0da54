// A server that answers as OpenAI's does, piece by piece, for a chat in a real browser.
import { once } from "node:events";
import { createServer } from "node:http";

/** A point at which an answer waits until the test opens it. */
export function gate() {
  let open;
  const opened = new Promise((done) => (open = done));
  return { open, opened };
}

export class Model {
  /**
   * Starts one. `answer(said, asked)` is an async generator for each request: what it yields is said, a string as words and
   * `{ call, params }` as the call of a tool. `said` is what the person said last, or null after a tool's result.
   */
  static async start(answer) {
    const model = new Model(answer);
    model.server = createServer((request, response) => void model.#serve(request, response));
    model.server.listen(0, "127.0.0.1");
    await once(model.server, "listening");
    return model;
  }

  constructor(answer) {
    this.answer = answer;
    /** The requests, oldest first, each with its `gone`: a promise of the moment when nobody listens any more. */
    this.requests = [];
  }

  get url() {
    return `http://127.0.0.1:${this.server.address().port}/v1`;
  }

  /** What makes a gateway ask this server, as two providers with a model each. */
  get env() {
    return {
      AI_PROVIDER_PRIORITY: "openai groq",
      OPENAI_API_KEY: "sk-test-of-nobody",
      SMOLTBOT_PROVIDERS__OPENAI__BASE_URL: this.url,
      SMOLTBOT_PROVIDERS__OPENAI__MODEL: "first",
      GROQ_API_KEY: "gsk-test-of-nobody",
      SMOLTBOT_PROVIDERS__GROQ__BASE_URL: this.url,
      SMOLTBOT_PROVIDERS__GROQ__MODEL: "second",
    };
  }

  async #serve(request, response) {
    let text = "";
    for await (const piece of request) text += piece;
    const asked = JSON.parse(text);
    const last = asked.messages.at(-1);
    const gone = once(response, "close");
    this.requests.push({ asked, gone });
    const content = typeof last.content === "string" ? last.content : JSON.stringify(last.content);
    const said = last.role === "user" ? content : null;
    response.writeHead(200, { "content-type": "text/event-stream" });
    const chunk = (delta, finish_reason = null) =>
      response.write(
        `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_700_000_000, model: asked.model, choices: [{ index: 0, delta, finish_reason }] })}\n\n`,
      );
    let calls = 0;
    for await (const piece of this.answer(said, asked)) {
      if (typeof piece === "string") {
        chunk({ content: piece });
      } else {
        const call = { index: calls, id: `call_${this.requests.length}_${calls}`, type: "function" };
        chunk({ tool_calls: [{ ...call, function: { name: piece.call, arguments: JSON.stringify(piece.params) } }] });
        calls += 1;
      }
    }
    chunk({}, calls ? "tool_calls" : "stop");
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
    response.write(`data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_700_000_000, model: asked.model, choices: [], usage })}\n\n`);
    response.end("data: [DONE]\n\n");
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }
}
