// An MCP server made with the SDK that most are made with: on standard input and output, or (with `http`) at an address that it
// prints. It notes each call of `execute_command` in the file that NOTES names.
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const sdk = (file) => import(join(process.env.SMOLTBOT_TOOLS, "peers/node_modules/@modelcontextprotocol/sdk/dist/esm", file));
const { Server } = await sdk("server/index.js");
const { CallToolRequestSchema, EmptyResultSchema, ListToolsRequestSchema } = await sdk("types.js");

function made() {
  const server = new Server({ name: "tiny", version: "1" }, { capabilities: { tools: {} } });
  const tool = (name) => ({ name, inputSchema: { type: "object" } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [tool("execute_command"), tool("fail")] }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params: { name, arguments: args, _meta } }, { sendNotification, sendRequest }) => {
    if (name === "fail") return { content: [{ type: "text", text: "it failed" }], isError: true };
    appendFileSync(process.env.NOTES, `${args.command}\n`);
    const progressToken = _meta?.progressToken;
    if (progressToken !== undefined) {
      await sendNotification({ method: "notifications/progress", params: { progressToken, progress: 1, total: 2 } });
      // The client forgets whom to tell of progress when it reads the answer: so it is asked whether it is there first.
      await sendRequest({ method: "ping" }, EmptyResultSchema);
    }
    return { content: [{ type: "text", text: `ran ${args.command}` }] };
  });
  return server;
}

if (process.argv[2] === "http") {
  const { StreamableHTTPServerTransport } = await sdk("server/streamableHttp.js");
  const sessions = new Map();
  const web = createServer(async (request, response) => {
    let transport = sessions.get(request.headers["mcp-session-id"]);
    if (!transport) {
      transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, onsessioninitialized: (id) => sessions.set(id, transport) });
      await made().connect(transport);
    }
    await transport.handleRequest(request, response);
  });
  web.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${web.address().port}/mcp`));
} else {
  const { StdioServerTransport } = await sdk("server/stdio.js");
  await made().connect(new StdioServerTransport());
}
