// Talking to the gateway.

async function problem(response) {
  const said = await response.json().catch(() => ({}));
  return new Error(said.detail || `The gateway answered ${response.status}.`);
}

/** Sends a message, tells each step to `onStep`, and returns the answer. */
export async function ask(body, onStep, signal) {
  const response = await fetch("/api/chat", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/x-ndjson" },
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok) throw await problem(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("The connection ended before the answer. What ran was ended, its trace says so.");
    rest += value;
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const step = JSON.parse(line);
      if (step.event === "answer") return step;
      if (step.event === "stopped") throw new Error(`Sorry, ${step.detail}.`);
      onStep(step);
    }
  }
}

/** What `path` answers. */
export async function get(path, options) {
  const response = await fetch(path, options);
  if (!response.ok) throw await problem(response);
  return response.json();
}
