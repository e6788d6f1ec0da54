// Judges traces with AAP's TypeScript reference verifier.
//
//   node judge.mjs HOME CASES
//
// HOME is the directory `judges` that `cargo xtask setup` fills, CASES a JSON file `[{name, card, trace}]`, where
// `traces` instead of `trace` asks for drift, `other` for coherence with another card, and `fleet` for that of several.
// Prints `{version, verdicts: {name: {violations: [type]} | {refused: message}},
// drift: {name: {alerts: [alert]} | {refused: message}}, details: {name: whole result | {refused: message}}}`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [home, casesFile] = process.argv.slice(2);
const require = createRequire(join(home, "package.json"));
const { checkCoherence, checkFleetCoherence, detectDrift, verifyTrace } = require("@mnemom/agent-alignment-protocol");
const installed = join(home, "node_modules/@mnemom/agent-alignment-protocol/package.json");

const verdicts = {};
const drift = {};
const details = {};
const attempt = (judge) => {
  try {
    return judge();
  } catch (error) {
    return { refused: String(error) };
  }
};
for (const { name, card, trace, traces, other, fleet, task_values } of JSON.parse(readFileSync(casesFile, "utf8"))) {
  if (other) {
    details[name] = attempt(() => checkCoherence(card, other, task_values ?? undefined));
    continue;
  }
  if (fleet) {
    const members = fleet.map(({ agent_id, card }) => ({ agentId: agent_id, card }));
    details[name] = attempt(() => checkFleetCoherence(members, task_values ?? undefined));
    continue;
  }
  if (traces) {
    try {
      drift[name] = { alerts: detectDrift(card, traces) };
    } catch (error) {
      drift[name] = { refused: String(error) };
    }
    continue;
  }
  try {
    const { verified, recommended_action, violations, warnings } = verifyTrace(trace, card);
    details[name] = { verified, recommended_action, violations, warnings };
    if (verified !== (violations.length === 0)) {
      throw new Error(`verified is ${verified} with ${violations.length} violations`);
    }
    verdicts[name] = { violations: violations.map((violation) => violation.type) };
  } catch (error) {
    verdicts[name] = details[name] = { refused: String(error) };
  }
}
const { version } = JSON.parse(readFileSync(installed, "utf8"));
process.stdout.write(JSON.stringify({ version, verdicts, drift, details }));
