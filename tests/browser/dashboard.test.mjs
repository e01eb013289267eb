// Drives the dashboard of a real running node, as a person would: log in, upload, study, model,
// prediction, and the node's death.
//
//   STARLING_URL          the page of a running node, for example http://127.0.0.1:8400
//   STARLING_TOKEN        its admin token; empty for a node without auth
//   STARLING_CSV          the table to upload: insurance.csv with the column charges
//   STARLING_SCREENSHOTS  folder for pictures of every page; none when empty
//   STARLING_KILL_PID     the process of that node: the last test kills it; none when empty
//   STARLING_CHROMIUM     the browser, /usr/bin/chromium when empty
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const url = need("STARLING_URL").replace(/\/+$/, "");
const token = process.env.STARLING_TOKEN ?? "";
const csv = need("STARLING_CSV");
const pictures = process.env.STARLING_SCREENSHOTS ?? "";
const killPid = Number(process.env.STARLING_KILL_PID || 0);

const kShort = 10_000;
const kUpload = 30_000;
const kStudy = 180_000;
const kTrials = 8;

function need(name) {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}; the head of dashboard.test.mjs tells all variables`);
  return value;
}

let browser;
let context;
let page;
let scratch;
const complaints = [];

before(async () => {
  scratch = mkdtempSync(join(tmpdir(), "starling-browser-"));
  if (pictures) mkdirSync(pictures, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.STARLING_CHROMIUM || "/usr/bin/chromium",
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
  context = await browser.newContext({
    viewport: { width: 1280, height: 860 },
    acceptDownloads: true,
  });
  page = await context.newPage();
  page.setDefaultTimeout(kShort);
  listen(page);
});

after(async () => {
  await browser?.close();
  if (scratch) rmSync(scratch, { recursive: true, force: true });
});

/** Refused calls are what some tests provoke; anything else on the console is a fault. */
function listen(target) {
  target.on("pageerror", (error) => complaints.push(`script: ${error.message}`));
  target.on("console", (message) => {
    if (message.type() !== "error") return;
    if (!message.text().startsWith("Failed to load resource")) complaints.push(message.text());
  });
}

const seen = (id) => page.getByTestId(id);

async function picture(name) {
  if (!pictures) return;
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}

/** Waits for a condition in the page; says what was there instead when its time is over. */
async function until(what, deadline, condition, value) {
  try {
    await page.waitForFunction(condition, value, { timeout: deadline, polling: 100 });
  } catch (error) {
    const text = (
      await page
        .locator("main")
        .innerText()
        .catch(() => "")
    ).slice(0, 1500);
    throw new Error(
      `${what} did not happen within ${deadline / 1000} s. The page shows:\n${text}`,
      { cause: error },
    );
  }
}

test("the page refuses a wrong token with a message and takes the right one", async (t) => {
  if (!token) return t.skip("this node runs without auth");
  await page.goto(`${url}/`);
  await seen("login").waitFor();
  await seen("token-input").fill("not-the-token");
  await seen("token-submit").click();
  await page.getByTestId("token-error").waitFor();
  assert.match(await page.getByTestId("token-error").innerText(), /not valid/);
  await picture("login-wrong");
  await seen("token-input").fill(token);
  await seen("token-submit").click();
  await seen("member-strip").waitFor();
  assert.equal(await seen("login").count(), 0);
});

test("a token in the address logs in and leaves the address", async (t) => {
  if (!token) return t.skip("this node runs without auth");
  const other = await browser.newContext();
  try {
    const fresh = await other.newPage();
    listen(fresh);
    await fresh.goto(`${url}/#token=${encodeURIComponent(token)}&to=/swarm`);
    await fresh.getByTestId("members").waitFor({ timeout: kShort });
    assert.ok(!fresh.url().includes("token"), fresh.url());
    assert.match(fresh.url(), /#\/swarm$/);
  } finally {
    await other.close();
  }
});

test("the header tells the leader, the health and the members", async () => {
  if (!token) await page.goto(`${url}/`);
  await until(
    "a leader",
    kShort,
    () => document.querySelector('[data-testid="leader-name"]')?.textContent?.length > 0,
  );
  assert.match(await seen("health").innerText(), /Healthy|answer/);
  assert.ok((await seen("member").count()) >= 1);
  await page.goto(`${url}/#/swarm`);
  await seen("members").waitFor();
  await picture("swarm");
});

test("a file with a header and no rows is refused with the reason", async () => {
  const bad = join(scratch, "empty-table.csv");
  writeFileSync(bad, "age,charges\n");
  await page.goto(`${url}/#/new`);
  await seen("file").setInputFiles(bad);
  await seen("upload-error").waitFor({ timeout: kUpload });
  assert.match(await seen("upload-error").innerText(), /\brows?\b/i);
  await picture("upload-refused");
});

test("an uploaded table shows its profile", async () => {
  await page.goto(`${url}/#/`);
  await seen("new-study").click();
  await seen("file").setInputFiles(csv);
  await seen("profile").waitFor({ timeout: kUpload });
  assert.equal(await seen("profile-row").count(), 7);
  const text = await seen("profile").innerText();
  for (const word of ["1,338", "smoker", "category", "charges", "number"])
    assert.ok(text.includes(word), word);
  assert.equal(await seen("study-target").inputValue(), "charges");
});

test("a wrong field is told at the field", async () => {
  await seen("study-trials").fill("0");
  await seen("study-start").click();
  await seen("study-trials-error").waitFor();
  assert.equal(await seen("study-trials").getAttribute("aria-invalid"), "true");
  await picture("field-refused");
});

test("a wrong limit opens the options that hold it", async () => {
  await seen("study-trials").fill("8");
  await page.getByText("More options").click();
  await seen("study-predict_ms").fill("-1");
  await seen("study-interpretable").check();
  await seen("study-family-tabm").check();
  await page.getByText("More options").click();
  await seen("study-start").click();
  await seen("study-predict_ms-error").waitFor();
  assert.match(await seen("study-predict_ms-error").innerText(), /above 0/);
  await picture("limit-refused");
  await seen("study-predict_ms").fill("");
  await seen("study-interpretable").uncheck();
  await seen("study-family-tabm").uncheck();
});

test("a study of eight trials runs to its end before one's eyes", async () => {
  await seen("study-use_case").fill("answers within 500 ms");
  await seen("study-target").selectOption("charges");
  await seen("study-trials").fill(String(kTrials));
  await picture("new-study");
  await seen("study-start").click();
  await seen("study-status").waitFor();
  await until(
    "the first point on the chart",
    kStudy,
    () => Number(document.querySelector('[data-testid="objective-chart"]')?.dataset.points) > 0,
  );
  await picture("study-running");
  await until("the end of the study", kStudy, () =>
    ["completed", "failed", "cancelled"].includes(
      document.querySelector('[data-testid="study-status"]')?.dataset.status,
    ),
  );
  assert.equal(await seen("study-status").getAttribute("data-status"), "completed");
  await until(
    `${kTrials} final trials`,
    kShort,
    (count) => {
      const final = ["completed", "pruned", "failed", "infeasible", "cancelled"];
      const rows = [...document.querySelectorAll('[data-testid="trial-row"]')];
      return rows.length === count && rows.every((row) => final.includes(row.dataset.state));
    },
    kTrials,
  );
  const points = Number(await seen("objective-chart").getAttribute("data-points"));
  assert.ok(points >= 1 && points <= kTrials, `${points} points`);
  assert.ok((await page.locator('[data-testid="objective-chart"] canvas').count()) === 1);
  assert.match(await seen("final-result").innerText(), /RMSE/);
  await picture("study-completed");
});

test("the study says what was decided for it, and why", async () => {
  await page.getByText("What was decided, and why").click();
  const decided = await page.locator("dl.decisions").innerText();
  assert.match(decided, /task: regression/);
  assert.match(decided, /is a number with/);
  assert.match(decided, /500 ms/, "what it is for");
});

test("the finished study is in the list", async () => {
  const id = page.url().split("/").pop();
  await page.goto(`${url}/#/`);
  await page.locator(`[data-testid="studies"] a[href="#/studies/${id}"]`).waitFor();
  await picture("studies");
  await page.goto(`${url}/#/studies/${id}`);
});

test("its model predicts one row", async () => {
  await seen("model-link").click();
  await seen("predict-form").waitFor();
  const row = { age: "19", bmi: "27.9", children: "0" };
  for (const [name, value] of Object.entries(row)) await seen(`feature-${name}`).fill(value);
  for (const [name, value] of Object.entries({
    sex: "female",
    smoker: "yes",
    region: "southwest",
  })) {
    await seen(`feature-${name}`).selectOption(value);
  }
  await seen("predict").click();
  await seen("prediction-value").waitFor();
  const shown = Number((await seen("prediction-value").innerText()).replace(/,/g, ""));
  assert.ok(Number.isFinite(shown), `shows ${shown}`);
  await picture("model");
});

test("a category that the training never saw is predicted with a warning", async () => {
  await seen("feature-region").selectOption({ label: "other…" });
  await seen("feature-region-other").fill("mars");
  await seen("predict").click();
  await page.locator('[data-testid="prediction"] .notice').waitFor();
  assert.match(await seen("prediction").innerText(), /region/);
});

test("text in a number field is refused with the reason", async () => {
  await seen("feature-age").fill("old");
  await seen("predict").click();
  await page.locator('[data-testid="predict-form"] [role="alert"]').waitFor();
  assert.match(
    await page.locator('[data-testid="predict-form"] [role="alert"]').innerText(),
    /age/,
  );
});

test("the artifact downloads", async () => {
  const [file] = await Promise.all([page.waitForEvent("download"), seen("download").click()]);
  assert.match(file.suggestedFilename(), /\.starling\.zip$/);
  assert.equal(await file.failure(), null);
});

test("no page scrolls sideways on a phone, in light or dark", async () => {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: 360, height: 780 });
    for (const [name, route] of [
      ["studies", "/"],
      ["models", "/models"],
      ["swarm", "/swarm"],
      ["new", "/new"],
    ]) {
      await page.goto(`${url}/#${route}`);
      await page.locator("main h1").waitFor();
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(over <= 0, `${route} is ${over} px too wide`);
      await picture(`phone-${colorScheme}-${name}`);
    }
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize({ width: 1280, height: 860 });
});

test("the console stayed clean", () => {
  assert.deepEqual(complaints, []);
});

test("when its node dies the page names the others, and goes on there logged in", async (t) => {
  if (!killPid) return t.skip("STARLING_KILL_PID is not set");
  await page.goto(`${url}/#/models`);
  await until(
    "more than one member",
    kShort,
    () => document.querySelectorAll('[data-testid="member"][data-state="alive"]').length > 1,
  );
  process.kill(killPid, "SIGKILL");
  await seen("lost-banner").waitFor({ timeout: 20_000 });
  assert.match(await seen("lost-banner").innerText(), /does not answer/);
  const link = seen("other-member").first();
  const address = await link.getAttribute("href");
  assert.ok(!address.startsWith(url), `${address} is the dead node itself`);
  await picture("node-lost");
  await link.click();
  await page.waitForURL((now) => now.origin !== new URL(url).origin, { timeout: kShort });
  await seen("models").waitFor({ timeout: kShort });
  assert.ok(!page.url().includes("token"), page.url());
  assert.match(page.url(), /#\/models$/);
  await picture("on-another-node");
});
