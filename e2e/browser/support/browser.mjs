// Chromium, and a page that remembers everything that must not happen on it.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

const tools = process.env.SMOLTBOT_TOOLS;
if (!tools) throw new Error("SMOLTBOT_TOOLS is not set: run these tests with `cargo xtask test`");
const require = createRequire(join(tools, "browser", "package.json"));
const { chromium } = require("playwright-core");

/** Starts the browser. Its sandbox needs what a container's root does not have; it only ever sees this machine. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.SMOLTBOT_CHROMIUM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/**
 * Opens a page, hands it to `use`, and fails if anything was wrong on it meanwhile. What the console says of an answer
 * that the test asks for, such as a 404, is `expected`. `use` also gets the list of what went wrong so far.
 */
export async function onPage(browser, { width = 1440, scheme = "light", js = true, motion = "reduce", expected } = {}, use) {
  const context = await browser.newContext({
    acceptDownloads: true,
    viewport: { width, height: width < 600 ? 800 : 1000 },
    colorScheme: scheme,
    javaScriptEnabled: js,
    reducedMotion: motion,
  });
  try {
    const page = await context.newPage();
    if (js) await page.addInitScript(countShifts);
    const wrong = watch(page, expected);
    await use(page, wrong);
    assert.deepEqual(wrong, [], "nothing goes wrong on the page");
  } finally {
    await context.close();
  }
}

/** Runs in the page before all else: how far things were moved that nobody's input moved. */
function countShifts() {
  window.layoutShifts = [];
  const note = ({ value, hadRecentInput, sources }) => {
    const place = ({ x, y, width, height }) => [x, y, width, height].map(Math.round).join(" ");
    const moved = ({ node, previousRect, currentRect }) =>
      `${place(previousRect)} -> ${place(currentRect)} ${(node?.outerHTML ?? node?.nodeName ?? "").slice(0, 120)}`;
    if (!hadRecentInput) window.layoutShifts.push({ value, of: sources.map(moved) });
  };
  new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({ type: "layout-shift", buffered: true });
}

/** From here on is counted what moves. */
export function countFromHere(page) {
  return page.evaluate(() => (window.layoutShifts = []));
}

/**
 * Nothing has moved by itself since the page was opened, or since `countFromHere`; no further than `most`, the sum of the shifts'
 * scores (0.1 is what browsers' makers call good).
 */
export async function assertStill(page, most = 0) {
  // Shifts are told with the frame after the one they happened in.
  const shifts = await page.evaluate(async () => {
    for (let frame = 0; frame < 3; frame += 1) await new Promise((done) => requestAnimationFrame(done));
    return window.layoutShifts;
  });
  const sum = shifts.reduce((sum, { value }) => sum + value, 0);
  assert.ok(sum <= most, `${page.url()} moves by itself: ${sum}\n${JSON.stringify(shifts, null, 1)}`);
}

/** Collects what must not happen: scripts of others, errors, refusals by the content policy, failed requests. */
function watch(page, expected) {
  const wrong = [];
  page.on("dialog", async (dialog) => {
    wrong.push(`a script ran and said: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("pageerror", (error) => wrong.push(`uncaught: ${error}`));
  page.on("console", (message) => {
    // Refusals by the content policy are told here as errors, too.
    if (expected?.test(message.text())) return;
    if (["error", "warning"].includes(message.type())) wrong.push(`console: ${message.text()}`);
  });
  page.on("requestfailed", (request) => {
    // A page that is left ends its own requests.
    const reason = request.failure()?.errorText;
    if (reason !== "net::ERR_ABORTED" && !expected?.test(reason)) wrong.push(`${request.url()}: ${reason}`);
  });
  return wrong;
}

/** Goes to `url` and checks what holds for every page of ours. */
export async function visit(page, url, { status = 200 } = {}) {
  const response = await page.goto(url, { waitUntil: "load" });
  assert.equal(response.status(), status, url);
  const policy = response.headers()["content-security-policy"] ?? "";
  assert.match(policy, /default-src 'none'/, `${url} has a strict content policy`);
  assert.doesNotMatch(policy, /unsafe-/, `${url} allows nothing inline`);
  assert.notEqual(await page.title(), "", `${url} has a title`);
  assert.equal(await page.locator("h1").count(), 1, `${url} has one main heading`);
  await assertFits(page);
}

/**
 * No violation of any of axe's rules. It runs in a world of its own: the page's content policy stays as it is, and the page's
 * scripts meet nothing that they would not meet otherwise.
 */
export async function assertAccessible(page) {
  const devtools = await page.context().newCDPSession(page);
  const { frameTree } = await devtools.send("Page.getFrameTree");
  const { executionContextId: contextId } = await devtools.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id, worldName: "axe" });
  const run = `(async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.slice(0, 4).map(({ html, failureSummary }) => html.slice(0, 200) + " :: " + failureSummary) }));
  })()`;
  await devtools.send("Runtime.evaluate", { contextId, expression: require("axe-core").source });
  const { result, exceptionDetails } = await devtools.send("Runtime.evaluate", { contextId, expression: run, awaitPromise: true, returnByValue: true });
  await devtools.detach();
  assert.equal(exceptionDetails, undefined, `axe runs on ${page.url()}`);
  assert.deepEqual(result.value, [], `${page.url()} is accessible`);
}

/**
 * Walks through the page by the Tab key alone: everything that can be used is reached, in the order in which it stands, is in
 * sight and shows that it has the focus; and the walk ends. Returns how many stops there were.
 */
export async function walkByKeyboard(page) {
  const wanted = await page.evaluate(() => {
    const all = document.querySelectorAll("a[href], button, input, select, textarea, summary, iframe, [tabindex='0']");
    const usable = [...all].filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0 && one.type !== "hidden");
    // Of a group of radio buttons, Tab reaches one.
    const groups = new Set();
    const stops = usable.filter((one) => one.type !== "radio" || (groups.has(one.name) ? false : groups.add(one.name)));
    stops.forEach((one, index) => (one.walkStop = index));
    return stops.length;
  });
  const reached = [];
  // Scrolled regions are stops, too, which are not counted above.
  for (let presses = 0; presses < wanted * 2 + 20 && reached.length < wanted; presses += 1) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const one = document.activeElement;
      if (!one || one === document.body) return null;
      const { boxShadow } = getComputedStyle(one);
      const outlined = (one) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(one);
        return outlineStyle !== "none" && outlineWidth !== "0px";
      };
      const box = one.getBoundingClientRect();
      const seen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth && box.width > 0 && box.height > 0;
      // The box around a field may show the field's.
      const focus = outlined(one) || outlined(one.parentElement) || boxShadow !== "none";
      return { index: one.walkStop, seen, focus, what: one.outerHTML.slice(0, 160) };
    });
    if (stop === null) continue;
    assert.ok(stop.seen, `${page.url()}: out of sight with the focus: ${stop.what}`);
    assert.ok(stop.focus, `${page.url()}: does not show its focus: ${stop.what}`);
    if (stop.index === undefined) continue;
    assert.equal(stop.index, reached.length, `${page.url()}: reached out of order: ${stop.what}`);
    reached.push(stop.index);
  }
  const missed = await page.evaluate((from) => [...document.querySelectorAll("*")].find((one) => one.walkStop === from)?.outerHTML.slice(0, 200), reached.length);
  assert.equal(reached.length, wanted, `${page.url()}: the keyboard never reaches ${missed}`);
  return wanted;
}

/** Nothing sticks out to the right. */
export async function assertFits(page) {
  const [content, window] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth];
  });
  assert.ok(content <= window, `${page.url()} is ${content} wide in a window of ${window}`);
}

/** Saves a picture of the whole page. */
export async function picture(page, name) {
  const dir = process.env.SMOLTBOT_SCREENSHOTS;
  if (!dir) return;
  await mkdir(dir, { recursive: true });
  await page.screenshot({ path: join(dir, `${name}.png`), fullPage: true });
}
