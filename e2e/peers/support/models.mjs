// The same language model as `model.mjs`, that calls what a message names (`CALLS [{"tool": …, "params": …}]`), as it is asked
// by Claude Code (Anthropic's messages), Codex (OpenAI's responses) and Gemini CLI (Google's generateContent).
import { once } from "node:events";
import { createServer } from "node:http";

const CALLS = /CALLS (\[.*\])/;

let count = 0;

/** The next call, or none: `texts` are the user's, `done` is how many tools have answered. */
function next(texts, done) {
  const asked = texts.findLast((text) => CALLS.test(text ?? ""));
  const call = asked && JSON.parse(CALLS.exec(asked)[1])[done];
  if (call) count += 1;
  return call;
}

const stream = (response) => {
  response.setHeader("content-type", "text/event-stream");
  return (event) => response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
};

function anthropic({ messages, model, tools }, response) {
  const blocks = messages.flatMap(({ content }) => (typeof content === "string" ? [{ type: "text", text: content }] : content));
  const done = blocks.filter(({ type }) => type === "tool_result").length;
  const call = tools?.length ? next(blocks.map(({ text }) => text), done) : undefined;
  const block = call ? { type: "tool_use", id: `toolu_${count}`, name: call.tool, input: {} } : { type: "text", text: "" };
  const delta = call ? { type: "input_json_delta", partial_json: JSON.stringify(call.params) } : { type: "text_delta", text: "Done." };
  const usage = { input_tokens: 1, output_tokens: 1 };
  const send = stream(response);
  send({ type: "message_start", message: { id: `msg_${count}`, type: "message", role: "assistant", model, content: [], stop_reason: null, stop_sequence: null, usage } });
  send({ type: "content_block_start", index: 0, content_block: block });
  send({ type: "content_block_delta", index: 0, delta });
  send({ type: "content_block_stop", index: 0 });
  send({ type: "message_delta", delta: { stop_reason: call ? "tool_use" : "end_turn", stop_sequence: null }, usage });
  send({ type: "message_stop" });
}

function openai({ input }, response) {
  const texts = input.flatMap(({ content }) => (Array.isArray(content) ? content.map(({ text }) => text) : []));
  const done = input.filter(({ type }) => type === "function_call_output").length;
  const call = next(texts, done);
  const said = { type: "message", role: "assistant", content: [{ type: "output_text", text: "Done." }] };
  const item = call ? { type: "function_call", call_id: `call_${count}`, name: call.tool, arguments: JSON.stringify(call.params) } : said;
  const usage = { input_tokens: 1, input_tokens_details: null, output_tokens: 1, output_tokens_details: null, total_tokens: 2 };
  const send = stream(response);
  send({ type: "response.created", response: { id: `resp_${count}` } });
  send({ type: "response.output_item.done", item });
  send({ type: "response.completed", response: { id: `resp_${count}`, usage } });
}

function google({ contents, tools }, response, streamed) {
  const parts = (contents ?? []).flatMap(({ parts }) => parts ?? []);
  const done = parts.filter(({ functionResponse }) => functionResponse).length;
  const call = tools ? next(parts.map(({ text }) => text), done) : undefined;
  const part = call ? { functionCall: { name: call.tool, args: call.params } } : { text: "Done." };
  const candidates = [{ content: { role: "model", parts: [part] }, finishReason: "STOP", index: 0 }];
  const answer = JSON.stringify({ candidates, usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 }, totalTokens: 1 });
  response.setHeader("content-type", streamed ? "text/event-stream" : "application/json");
  response.write(streamed ? `data: ${answer}\n\n` : answer);
}

/** Serves all three on a free port; `url` is where. */
export async function models() {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const path = request.url.split("?")[0];
    if (path === "/v1/messages") anthropic(JSON.parse(body), response);
    else if (path.endsWith("/responses")) openai(JSON.parse(body), response);
    else if (/:(streamG|g)enerateContent$/.test(path)) google(JSON.parse(body), response, path.includes("stream"));
    else response.setHeader("content-type", "application/json").write('{"object":"list","data":[],"models":[],"input_tokens":1,"totalTokens":1}');
    response.end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => { server.closeAllConnections(); server.close(); } };
}
