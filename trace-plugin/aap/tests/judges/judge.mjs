// Judges traces with AAP's TypeScript reference verifier.
//
//   node judge.mjs HOME CASES
//
// HOME is the directory `judges` that `cargo xtask setup` fills, CASES a JSON file `[{name, card, trace}]`, where
// `traces` instead of `trace` asks for drift. Prints `{version, verdicts: {name: {violations: [type]} | {refused: message}},
// drift: {name: {alerts: [alert]} | {refused: message}}}`.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [home, casesFile] = process.argv.slice(2);
const require = createRequire(join(home, "package.json"));
const { detectDrift, verifyTrace } = require("@mnemom/agent-alignment-protocol");
const installed = join(home, "node_modules/@mnemom/agent-alignment-protocol/package.json");

const verdicts = {};
const drift = {};
for (const { name, card, trace, traces } of JSON.parse(readFileSync(casesFile, "utf8"))) {
  if (traces) {
    try {
      drift[name] = { alerts: detectDrift(card, traces) };
    } catch (error) {
      drift[name] = { refused: String(error) };
    }
    continue;
  }
  try {
    const { verified, violations } = verifyTrace(trace, card);
    if (verified !== (violations.length === 0)) {
      throw new Error(`verified is ${verified} with ${violations.length} violations`);
    }
    verdicts[name] = { violations: violations.map((violation) => violation.type) };
  } catch (error) {
    verdicts[name] = { refused: String(error) };
  }
}
const { version } = JSON.parse(readFileSync(installed, "utf8"));
process.stdout.write(JSON.stringify({ version, verdicts, drift }));
