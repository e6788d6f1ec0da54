// Providers of language models on one server, for our gateway to ask: Anthropic's messages and OpenAI's chat completions, both as
// streams. What a model does is in its name. `told` calls what the last message of the user names (`CALLS [{"tool": …, "params": …}]`,
// a list in the list at once), then says in words what the tools said; the others fail, each in its own way.
import { EventEmitter, once } from "node:events";
import { createServer } from "node:http";

/** Marks the calls in a message, up to the line's end. */
const CALLS = /CALLS (\[.*\])/;
/** What the gateway notes at the end of what a user says; a model would not answer it either. */
const NOTE = /\s*\[Noted by the gateway: [^\]]*\]$/;
/** What `told` costs each time. */
export const TOKENS = { input: 11, cached: 4, output: 7 };
/** How models fail that never begin an answer: status, sort, words, headers. */
const FAILURES = {
  limited: [429, "rate_limit_error", "Number of requests has exceeded your rate limit", { "retry-after": "60" }],
  broken: [500, "api_error", "Internal server error"],
  missing: [404, "not_found_error", "model: missing"],
  unkeyed: [401, "authentication_error", "invalid x-api-key"],
  unpaid: [400, "invalid_request_error", "Your credit balance is too low to access the API"],
  forgetful: [400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"],
  strict: [400, "invalid_request_error", "messages: something in them is wrong"],
};

let count = 0;

/** A turn in words that both wires can write: what the user asked last, and what tools have said since. */
function answer(said, results) {
  const texts = said.map((text) => text.replace(NOTE, "")).filter(Boolean);
  const asked = texts.findLast((text) => CALLS.test(text));
  let before = 0;
  const next = asked && JSON.parse(CALLS.exec(asked)[1]).find((step) => (before += [step].flat().length) > results.length);
  if (next) {
    const calls = [next].flat().map(({ tool, params }) => ({ id: `call_${(count += 1)}`, name: tool, input: params }));
    return { words: [], calls };
  }
  const words = results.length ? `They said: ${results.join(" | ")}` : `You said: ${texts.at(-1)}`;
  return { words: words.split(/(?<= )/), calls: [] };
}

const flat = (content) => (typeof content === "string" ? content : (content ?? []).map(({ text }) => text ?? "").join(""));

const WIRES = {
  "/messages": {
    read({ messages }) {
      const blocks = messages.flatMap(({ role, content }) => {
        return (typeof content === "string" ? [{ type: "text", text: content }] : content).map((block) => ({ role, ...block }));
      });
      const at = blocks.findLastIndex(({ role, type }) => role === "user" && type === "text");
      const texts = blocks.filter(({ role, type }) => role === "user" && type === "text").map(({ text }) => text);
      return [texts, blocks.slice(at).filter(({ type }) => type === "tool_result").map(({ content }) => flat(content))];
    },
    *write({ words, calls }, model) {
      const event = (event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
      const usage = { input_tokens: TOKENS.input - TOKENS.cached, cache_read_input_tokens: TOKENS.cached, output_tokens: 1 };
      const message = { id: "msg_1", type: "message", role: "assistant", model, content: [], stop_reason: null, stop_sequence: null, usage };
      yield event({ type: "message_start", message });
      if (words.length) {
        yield event({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } });
        for (const text of words) yield event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } });
        yield event({ type: "content_block_stop", index: 0 });
      }
      for (const [index, { id, name, input }] of calls.entries()) {
        yield event({ type: "content_block_start", index, content_block: { type: "tool_use", id, name, input: {} } });
        yield event({ type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json: JSON.stringify(input) } });
        yield event({ type: "content_block_stop", index });
      }
      const delta = { stop_reason: calls.length ? "tool_use" : "end_turn", stop_sequence: null };
      yield event({ type: "message_delta", delta, usage: { output_tokens: TOKENS.output } });
      yield event({ type: "message_stop" });
    },
  },
  "/chat/completions": {
    read({ messages }) {
      const at = messages.findLastIndex(({ role }) => role === "user");
      const texts = messages.filter(({ role }) => role === "user").map(({ content }) => flat(content));
      return [texts, messages.slice(at).filter(({ role }) => role === "tool").map(({ content }) => flat(content))];
    },
    *write({ words, calls }, model) {
      const head = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model };
      const chunk = (delta, finish_reason = null) => `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
      yield chunk({ role: "assistant", content: "" });
      for (const content of words) yield chunk({ content });
      for (const [index, { id, name, input }] of calls.entries()) {
        yield chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: JSON.stringify(input) } }] });
      }
      yield chunk({}, calls.length ? "tool_calls" : "stop");
      const usage = {
        prompt_tokens: TOKENS.input, prompt_tokens_details: { cached_tokens: TOKENS.cached }, completion_tokens: TOKENS.output,
        total_tokens: TOKENS.input + TOKENS.output,
      };
      yield `data: ${JSON.stringify({ ...head, choices: [], usage })}\n\n`;
      yield "data: [DONE]\n\n";
    },
  },
};

/** The providers; `env` has the gateway ask them. */
export class Providers extends EventEmitter {
  /** Every request that came: `{ model, body }`. */
  asked = [];
  /** Models that were left before their answer's end. */
  left = [];

  static async start() {
    const providers = new Providers();
    providers.server = createServer((request, response) => void providers.#serve(request, response)).listen(0, "127.0.0.1");
    await once(providers.server, "listening");
    providers.url = `http://127.0.0.1:${providers.server.address().port}`;
    providers.env = {
      ANTHROPIC_API_KEY: "sk-ant-none", SMOLTBOT_PROVIDERS__ANTHROPIC__BASE_URL: providers.url, SMOLTBOT_PROVIDERS__ANTHROPIC__MODEL: "told",
      OPENAI_API_KEY: "sk-none", SMOLTBOT_PROVIDERS__OPENAI__BASE_URL: `${providers.url}/v1`, SMOLTBOT_PROVIDERS__OPENAI__MODEL: "told",
    };
    return providers;
  }

  /** Waits until `model` was left before its answer's end. */
  async wasLeft(model) {
    while (!this.left.includes(model)) await once(this, "left");
  }

  /** Waits until `model` was asked. */
  async wasAsked(model) {
    while (!this.asked.some((asked) => asked.model === model)) await once(this, "asked");
  }

  close() {
    this.server.closeAllConnections();
    this.server.close();
  }

  async #serve(request, response) {
    const path = request.url.split("?")[0];
    // For clients that are no part of this process.
    if (path === "/asked") return void response.end(JSON.stringify(this.asked));
    if (path.startsWith("/left/")) return void response.end(String(await this.wasLeft(path.slice("/left/".length))));
    const wire = Object.entries(WIRES).find(([end]) => path.endsWith(end))?.[1];
    let text = "";
    for await (const part of request) text += part;
    if (!wire) return void response.writeHead(404).end();
    const body = JSON.parse(text);
    const { model } = body;
    this.asked.push({ model, body });
    this.emit("asked");
    response.on("close", () => {
      if (response.writableFinished) return;
      this.left.push(model);
      this.emit("left");
    });
    // It calls a tool, and fails once it has heard of it.
    const hears = model === "acting" && wire.read(body)[1].length > 0;
    const failure = FAILURES[hears ? "broken" : model];
    if (failure) {
      const [status, type, message, headers] = failure;
      response.writeHead(status, { "content-type": "application/json", ...headers });
      return void response.end(JSON.stringify({ type: "error", error: { type, message } }));
    }
    // Nothing is ever said.
    if (model === "silent") return;
    response.setHeader("content-type", "text/event-stream");
    const pieces = [...wire.write(["told", "acting"].includes(model) ? answer(...wire.read(body)) : { words: ["Well, ", "…"], calls: [] }, model)];
    const until = pieces.findIndex((piece) => piece.includes("Well, ")) + 1;
    switch (model) {
      case "told":
      case "acting":
        return void response.end(pieces.join(""));
      // A word, and nothing more.
      case "slow":
        return void response.write(pieces.slice(0, until).join(""));
      // A word, and the connection is gone.
      case "cut":
        return void response.write(pieces.slice(0, until).join(""), () => response.destroy());
    }
    response.end();
  }
}
