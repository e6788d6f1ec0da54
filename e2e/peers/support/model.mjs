// A language model that does as it is told: it calls the tools that the user's message names, then says that it is done.
import { once } from "node:events";
import { createServer } from "node:http";

/** Marks the calls in a message: `CALLS [{"tool": …, "params": …}]`, up to the line's end. A list in the list is called at once. */
const CALLS = /CALLS (\[.*\])/;

function lastAsked(messages) {
  const at = messages.findLastIndex(({ role, content }) => role === "user" && CALLS.test(text(content)));
  if (at < 0) return { calls: [], done: 0 };
  const done = messages.slice(at).filter(({ role }) => role === "tool").length;
  return { calls: JSON.parse(CALLS.exec(text(messages[at].content))[1]), done };
}

const text = (content) => (typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join(""));

let count = 0;
/** What tools have said, as the last request tells it. */
let heard = "";

/** The next step: one call at a time, so that their order is known, unless several are asked for at once. */
function step(messages) {
  const { calls, done } = lastAsked(messages);
  let before = 0;
  const next = calls.find((step) => (before += [step].flat().length) > done);
  if (!next) return { content: "Done." };
  const made = [next].flat().map(({ tool, params }) => {
    count += 1;
    return { id: `call_${count}`, type: "function", function: { name: tool, arguments: JSON.stringify(params) } };
  });
  return { tool_calls: made };
}

function answer(request, response) {
  const head = { id: "c", created: 0, model: request.model };
  const said = step(request.messages);
  const finish_reason = said.tool_calls ? "tool_calls" : "stop";
  const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  if (!request.stream) {
    response.setHeader("content-type", "application/json");
    const choices = [{ index: 0, message: { role: "assistant", content: null, ...said }, finish_reason }];
    response.end(JSON.stringify({ ...head, object: "chat.completion", choices, usage }));
    return;
  }
  response.setHeader("content-type", "text/event-stream");
  const chunk = (choices, more) => response.write(`data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices, ...more })}\n\n`);
  const delta = (delta, finish_reason = null) => chunk([{ index: 0, delta, finish_reason }]);
  delta({ role: "assistant", content: "" });
  if (said.content) delta({ content: said.content });
  said.tool_calls?.forEach((call, index) => delta({ tool_calls: [{ index, ...call }] }));
  delta({}, finish_reason);
  chunk([], { usage });
  response.end("data: [DONE]\n\n");
}

/** Serves it as OpenAI's API on a free port; `url` is its base, `heard()` what tools have said in the conversation that it saw last. */
export async function model() {
  const server = createServer(async (request, response) => {
    if (request.url.endsWith("/models")) {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ object: "list", data: [{ id: "told-1", object: "model" }] }));
      return;
    }
    let body = "";
    for await (const part of request) body += part;
    const asked = JSON.parse(body);
    heard = asked.messages.filter(({ role }) => role === "tool").map(({ content }) => text(content)).join("\n");
    answer(asked, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}/v1`, heard: () => heard, close: () => { server.closeAllConnections(); server.close(); } };
}
