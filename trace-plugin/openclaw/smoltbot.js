// The ways to smoltbot: its sidecar over a Unix socket that is kept open, or a process of its own, `smoltbot hook openclaw`.
//
// In scope: which way to take, and how long to wait for it. Not in scope: what is said (`index.js`). Whatever is sent twice is
// recorded once: smoltbot knows a call by its run and its id. So the second way is tried while the first may still answer.
import { spawn } from "node:child_process";
import http from "node:http";

/** How long a sidecar that did not answer in time is left alone, in milliseconds: it may be stopped, or swapped out. */
const LEFT_ALONE_MS = 2_000;
/** What telling of a call that has ended may take on either way, in milliseconds. Nobody waits for it. */
const TELLING_MS = 10_000;
/** How long after nobody could be told of an event the next attempt is made, in milliseconds. */
const RETRY_MS = 5_000;
/** Events that wait while nobody can be told; the oldest are given up beyond that. A day's work of one agent is less. */
const MAX_WAITING = 4_096;
/** The same in characters, for results can be long. */
const MAX_WAITING_CHARS = 16 * 1024 * 1024;
/** What one process is given to read, in characters; it takes 32 MiB. */
const MAX_INPUT_CHARS = 8 * 1024 * 1024;
/** A socket that nobody listens on, for a process that is to judge by itself. */
const NO_SOCKET = "/nonexistent/smoltbot.sock";

/** Verdicts do not wait behind results: two pools of connections. */
const judging = new http.Agent({ keepAlive: true, maxSockets: 16 });
const telling = new http.Agent({ keepAlive: true, maxSockets: 4 });

const late = () => Object.assign(new Error("it did not answer in time"), { late: true });

/** One request; the answer's lines. */
function request(socketPath, agent, body, ms) {
  const asked = { socketPath, agent, method: "POST", path: "/v1/hook/openclaw" };
  asked.headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const request = http.request(asked, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        clearTimeout(timer);
        try {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode !== 200) throw new Error(`it answered ${response.statusCode}: ${text.slice(0, 200)}`);
          resolve(JSON.parse(text).stdout);
        } catch (error) {
          reject(error);
        }
      });
    });
    const timer = setTimeout(() => request.destroy(late()), ms);
    request.on("error", (error) => {
      clearTimeout(timer);
      reject(Object.assign(error, { stale: request.reusedSocket && !error.late }));
    });
    request.end(body);
  });
}

/** The same, once more where a connection that was kept had been closed meanwhile. */
async function overSocket(socketPath, agent, body, ms) {
  try {
    return await request(socketPath, agent, body, ms);
  } catch (error) {
    if (!error.stale) throw error;
    return request(socketPath, agent, body, ms);
  }
}

/** Has a process answer `count` objects, and resolves with their lines. It may go on to start the sidecar. */
function overCommand({ command, home }, body, count, ms, alone) {
  const env = { ...process.env, SMOLTBOT_HOME: home };
  if (alone) Object.assign(env, { SMOLTBOT_SIDECAR__SOCKET: NO_SOCKET, SMOLTBOT_SIDECAR__ON_DEMAND: "false" });
  return new Promise((resolve, reject) => {
    const child = spawn(command, ["hook", "openclaw"], { env, stdio: ["pipe", "pipe", "pipe"] });
    let [out, said, lines] = ["", "", 0];
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(late());
    }, ms);
    child.stdout.setEncoding("utf8").on("data", (text) => {
      out += text;
      lines += text.split("\n").length - 1;
      if (lines < count) return;
      clearTimeout(timer);
      resolve(out);
    });
    child.stderr.setEncoding("utf8").on("data", (text) => (said = (said + text).slice(-2000)));
    child.stdin.on("error", () => {}); // It may have answered before it read everything.
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      reject(new Error(`it ended with ${code}: ${said.trim()}`));
    });
    child.stdin.end(body);
  });
}

export class Smoltbot {
  #settings;
  #log;
  /** Until when the sidecar is left alone. */
  #aloneUntil = 0;
  /** What waits to be told, oldest first: `{ body, resolve, reject }`. */
  #waiting = [];
  #waitingChars = 0;
  #draining = false;

  constructor(settings, log) {
    this.#settings = settings;
    this.#log = log;
  }

  #isAlone() {
    return Date.now() < this.#aloneUntil;
  }

  #failed(error) {
    if (error.late) this.#aloneUntil = Date.now() + LEFT_ALONE_MS;
    this.#settings.look();
  }

  /**
   * Asks for a verdict, and resolves with the answer within the budget. Half of it is the sidecar's; then a process is asked,
   * too, and the first answer counts.
   */
  async judge(body) {
    const { budgetMs } = this.#settings;
    const line = await new Promise((resolve, reject) => {
      /** Ways that are still open, and whether the process is one of them or was. */
      let [open, process, over] = [0, false, false];
      const timers = [];
      const end = (settle, value) => {
        over = true;
        timers.forEach(clearTimeout);
        settle(value);
      };
      const way = (answer, failed) => {
        open += 1;
        answer.then((line) => over || end(resolve, line), (error) => {
          open -= 1;
          if (over) return;
          failed?.(error);
          if (open === 0) end(reject, error);
        });
      };
      const askProcess = (alone) => {
        if (over || process) return;
        process = true;
        way(overCommand(this.#settings, `${body}\n`, 1, budgetMs, alone));
      };
      // What has arrived by then is read first: it may be this program that is late.
      const after = (ms, act) => timers.push(setTimeout(() => setImmediate(() => setImmediate(() => over || act())), ms));
      after(budgetMs, () => end(reject, late()));
      if (this.#isAlone()) return askProcess(true);
      after(budgetMs / 2, () => {
        if (!process) this.#failed(late());
        askProcess(true);
      });
      way(overSocket(this.#settings.socket, judging, body, budgetMs), (error) => {
        this.#failed(error);
        askProcess(false);
      });
    });
    return JSON.parse(line);
  }

  /** Tells what nobody waits for; resolves when it is recorded, rejects when it is given up. */
  async tell(body) {
    if (this.#waiting.length === 0 && !this.#isAlone()) {
      try {
        return await overSocket(this.#settings.socket, telling, body, TELLING_MS);
      } catch (error) {
        this.#failed(error);
      }
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ body, resolve, reject });
      this.#waitingChars += body.length;
      while (this.#waiting.length > MAX_WAITING || this.#waitingChars > MAX_WAITING_CHARS) {
        this.#take().reject(new Error("nobody can be told, and too much waits"));
      }
      void this.#drain();
    });
  }

  /** The oldest of what waits. */
  #take() {
    const first = this.#waiting.shift();
    this.#waitingChars -= first.body.length;
    return first;
  }

  /** Both ways, one after the other. */
  async #tellAll(body, count) {
    if (!this.#isAlone()) {
      try {
        return await overSocket(this.#settings.socket, telling, body, TELLING_MS);
      } catch (error) {
        this.#failed(error);
      }
    }
    return overCommand(this.#settings, body, count, TELLING_MS, this.#isAlone());
  }

  /** What has gathered is told together; where nobody can be told, it is tried again later. */
  async #drain() {
    if (this.#draining) return;
    this.#draining = true;
    while (this.#waiting.length > 0) {
      const batch = [this.#take()];
      let chars = batch[0].body.length;
      while (this.#waiting.length > 0 && chars + this.#waiting[0].body.length <= MAX_INPUT_CHARS) {
        chars += this.#waiting[0].body.length;
        batch.push(this.#take());
      }
      try {
        await this.#tellAll(batch.map(({ body }) => `${body}\n`).join(""), batch.length);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        this.#log?.warn?.(`smoltbot: nobody can be told of ${batch.length + this.#waiting.length} events: ${error.message}`);
        this.#waiting.unshift(...batch);
        this.#waitingChars += chars;
        await new Promise((done) => setTimeout(done, RETRY_MS).unref());
      }
    }
    this.#draining = false;
  }
}
