// Between Cloudflare's events and the Rust module.
//
// A panic, or any other trap, leaves an instance of the module in an unknown state. It is never entered again: whoever was
// waiting for it hears so at once, and the next event is answered by a fresh instance in the same isolate.
import { DurableObject } from "cloudflare:workers";
import * as module from "./index.js";

// Calls into the instance that have not ended, each as the function that makes it fail.
const waiting = new Set();

// The Rust side starts this counter and raises it with each fresh instance.
const state = module.__worker_init_state();

// Rust's panic hook sets it, before the trap: nobody else would tell those whose future was dropped by the panic.
let panicked = false;
Object.defineProperty(state, "criticalError", {
  get: () => panicked,
  set: (value) => {
    panicked = value;
    if (value) queueMicrotask(() => fail(new Error("the instance panicked")));
  },
});

// What traps without a panic (out of memory, out of stack) inside a task of its own.
addEventListener("error", (event) => failIfTrapped(event.error));
addEventListener("unhandledrejection", (event) => failIfTrapped(event.reason));

function failIfTrapped(error) {
  if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) fail(error);
}

function fail(error) {
  console.error("the instance is given up:", error);
  for (const reject of waiting) reject(error);
  waiting.clear();
}

// Replaces a broken instance; its exports check for that before they run. Returns which instance is in place.
function ready() {
  const { instanceId } = module.__worker_init_state();
  panicked = false;
  return instanceId;
}

// Runs `call` until it ends or its instance breaks.
async function run(call) {
  let reject;
  const broken = new Promise((_, no) => {
    reject = no;
  });
  waiting.add(reject);
  try {
    return await Promise.race([call(), broken]);
  } catch (error) {
    failIfTrapped(error);
    throw error;
  } finally {
    waiting.delete(reject);
  }
}

// A client can send the request again: every write is idempotent.
function problem() {
  const body = {
    type: "about:blank",
    title: "Internal Server Error",
    status: 500,
    detail: "the edge failed while it answered; what it had not acknowledged may be stored or not, send it again",
  };
  return new Response(JSON.stringify(body), {
    status: 500,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store" },
  });
}

// The Worker: those of Cloudflare's events that the Rust module handles.
export const worker = {
  async fetch(request, env, context) {
    try {
      ready();
      return await run(() => module.fetch(request, env, context));
    } catch (error) {
      console.error(request.method, new URL(request.url).pathname, error);
      return problem();
    }
  },
};

// A failure of these is seen by Cloudflare, which delivers the messages again and shows the tick as failed.
for (const name of ["queue", "scheduled"]) {
  if (name in module) {
    worker[name] = (event, env, context) => {
      ready();
      return run(() => module[name](event, env, context));
    };
  }
}

const HANDLERS = ["fetch", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"];

// The Durable Object `name` of the Rust module. Its Rust half is built anew, from the same storage, with a new instance.
export function durableObject(name) {
  const Half = module[name];
  if (Half === undefined) throw new Error(`wrangler.jsonc names a class ${name} that the Rust module does not have`);
  class Whole extends DurableObject {
    #half;
    #instance;

    _half() {
      const instance = ready();
      if (this.#instance !== instance) {
        this.#half = new Half(this.ctx, this.env);
        this.#instance = instance;
      }
      return this.#half;
    }
  }
  for (const handler of HANDLERS) {
    if (handler in Half.prototype) {
      Whole.prototype[handler] = function (...args) {
        return run(() => this._half()[handler](...args));
      };
    }
  }
  return Whole;
}
