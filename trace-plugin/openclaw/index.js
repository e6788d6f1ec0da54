// smoltbot's plugin for OpenClaw: hands each tool call to smoltbot before it runs and after it has ended, and does what
// smoltbot answers: nothing, `block`, or `requireApproval`. What a person then says is handed over, too, and when a turn, a
// session or the gateway ends.
//
// In scope: OpenClaw's hooks, and what is handed over of them. Not in scope: the ways to smoltbot (`smoltbot.js`), where it is
// (`settings.js`), and judging, masking and recording, which smoltbot does itself.
import { Settings } from "./settings.js";
import { Smoltbot } from "./smoltbot.js";

/** After all other plugins, so that what is judged is what will run. */
const LAST = -1000;
/** What is handed over of an event and of its context; the rest is none of smoltbot's business, a transcript above all. */
const CALL = ["toolName", "params", "runId", "toolCallId", "result", "error", "durationMs", "resolution"];
const SESSION = ["sessionId", "sessionKey", "resumedFrom", "nextSessionId", "reason", "runId", "success", "durationMs"];
const CONTEXT = ["toolName", "agentId", "sessionId", "sessionKey", "runId", "toolCallId", "requester", "channelId", "trace"];
/** The longest event that is handed over whole, in characters; of a longer one the result is left out. smoltbot takes 32 MiB. */
const MAX_CHARS = 10 * 1024 * 1024;
/** How long the gateway waits for what is still being told when it stops, in milliseconds. OpenClaw would wait five seconds. */
const DRAIN_MS = 2_000;
/** How many calls that run unjudged are remembered until they end. */
const MAX_UNJUDGED = 1_000;

/** What is being told of each call, so that its end is told after a person's answer. */
const telling = new Map();
/** What is being asked, by what is said: a hook that fires twice is asked about once. */
const asking = new Map();
/** Calls that run though no verdict came in time. */
const unjudged = new Set();
/** The gateway stops: from now on what is told is waited for. */
let stopping = false;

const pick = (from, keys) => Object.fromEntries(keys.filter((key) => from?.[key] !== undefined).map((key) => [key, from[key]]));
const callOf = (event, ctx) => `${event.runId ?? ctx?.runId}\u001f${event.toolCallId ?? ctx?.toolCallId}`;

/** What is sent of an event. */
function say(hook, event, ctx, keys, more) {
  const told = { hook, event: pick(event, keys), ctx: pick(ctx, CONTEXT), ...more };
  const text = JSON.stringify(told);
  if (text.length <= MAX_CHARS || told.event.result === undefined) return text;
  told.event.result = { details: pick(told.event.result?.details, ["status", "exitCode", "cwd", "deniedReason", "reason"]) };
  told.event.result.omitted = `${text.length} characters`;
  return JSON.stringify(told);
}

const soon = (ms) => new Promise((done) => setTimeout(done, ms).unref());
/** When all that is being told by now has been told, or given up. */
const told = () => Promise.allSettled([...telling.values()]);

export default {
  id: "smoltbot",
  name: "smoltbot",
  description: "Asks smoltbot's conscience before each tool call, and records what came of it",
  register(api) {
    const settings = new Settings(api.pluginConfig);
    const smoltbot = new Smoltbot(settings, api.logger);
    stopping = false;

    /** Hands over what nobody waits for, after everything that was handed over under the same name. */
    function note(name, hook, body) {
      const told = (telling.get(name) ?? Promise.resolve())
        .then(body).then((text) => smoltbot.tell(text))
        .catch((error) => api.logger?.warn?.(`smoltbot: ${hook} was not recorded: ${error.message}`))
        .finally(() => telling.get(name) === told && telling.delete(name));
      telling.set(name, told);
      return told;
    }

    /** The answer to a call, one for a hook that fires twice at a time. */
    function ask(body) {
      const asked = asking.get(body);
      if (asked) return asked;
      const answer = smoltbot.judge(body).finally(() => asking.delete(body));
      asking.set(body, answer);
      return answer;
    }

    function withoutVerdict(error, event, ctx) {
      const why = error.late
        ? `no verdict within ${settings.budgetMs} ms`
        : `${error.message}. Is it installed, and is \`${settings.command}\` found?`;
      if (settings.mayRunUnjudged()) {
        unjudged.add(callOf(event, ctx));
        if (unjudged.size > MAX_UNJUDGED) unjudged.delete(unjudged.values().next().value);
        api.logger?.warn?.(`smoltbot: ${event.toolName} runs unjudged: ${why}`);
        return undefined;
      }
      const blockReason = `smoltbot could not judge this call: ${why}`;
      api.logger?.error?.(blockReason);
      return { block: true, blockReason };
    }

    async function before(event, ctx) {
      let answer;
      try {
        answer = await ask(say("before_tool_call", event, ctx, CALL));
      } catch (error) {
        return withoutVerdict(error, event, ctx);
      }
      if (answer.block) return { block: true, blockReason: answer.blockReason };
      if (!answer.requireApproval) return undefined;
      const onResolution = (resolution) => {
        void note(callOf(event, ctx), "approval_resolved", () => say("approval_resolved", { ...event, resolution }, ctx, CALL));
      };
      return { requireApproval: { ...answer.requireApproval, onResolution } };
    }

    /** OpenClaw awaits what a hook returns; only a gateway that stops is to. */
    const unawaited = (promise) => (stopping ? promise : undefined);

    function after(event, ctx) {
      const call = callOf(event, ctx);
      const more = unjudged.delete(call) ? { overBudget: true } : {};
      return unawaited(note(call, "after_tool_call", () => say("after_tool_call", event, ctx, CALL, more)));
    }

    /** A session's news comes after what is being told of its calls. */
    const session = (hook) => (event, ctx) => {
      const earlier = told();
      return unawaited(note(`session\u001f${event.sessionId ?? ctx?.sessionId}`, hook, async () => {
        await earlier;
        return say(hook, event, ctx, SESSION);
      }));
    };

    async function stop() {
      stopping = true;
      await Promise.race([told(), soon(DRAIN_MS)]);
    }

    api.on("before_tool_call", before, { priority: LAST });
    api.on("after_tool_call", after, { priority: LAST });
    api.on("session_start", session("session_start"));
    api.on("session_end", session("session_end"));
    // OpenClaw complains about this one where the operator has not allowed it: it could read the conversation.
    if (api.config?.plugins?.entries?.smoltbot?.hooks?.allowConversationAccess) api.on("agent_end", session("agent_end"));
    api.on("gateway_stop", stop);
  },
};
