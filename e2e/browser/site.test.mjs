// Every page of the dashboard as people use it: viewers, auditors, people who cannot see it or have no mouse, and strangers who
// mean harm. Runs against the edge at $SMOLTBOT_EDGE_URL, whichever host it is, or against one that it starts.
import { after, before, describe } from "node:test";
import { Site } from "./support/site.mjs";
import { launch } from "./support/browser.mjs";
import { access } from "./site/access.mjs";
import { auditor } from "./site/auditor.mjs";
import { files } from "./site/files.mjs";
import { hostile } from "./site/hostile.mjs";
import { live } from "./site/live.mjs";
import { viewer } from "./site/viewer.mjs";

/** What the tests share; there once they run. */
const world = {};

before(async () => {
  [world.site, world.browser] = await Promise.all([Site.open(), launch()]);
});

after(async () => {
  await world.browser?.close();
  await world.site?.close();
});

for (const part of [viewer, auditor, access, live, files, hostile]) {
  describe(part.name, () => part(world));
}
