import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isWebAddress,
  pageAt,
  pageWithToken,
  parseFragment,
  parseRoute,
} from "../src/logic/address";

test("a link to another member carries route, token and cursor", () => {
  const link = pageWithToken("http://127.0.0.1:8401/", "/models/a?version=2", "t+k/n=", "12.3");
  const [page, hash] = link.split("#");
  assert.equal(page, "http://127.0.0.1:8401/");
  assert.deepEqual(parseFragment(`#${hash}`), {
    route: "/models/a?version=2",
    token: "t+k/n=",
    cursor: "12.3",
  });
});

test("without a token the link is the plain route", () => {
  assert.equal(pageWithToken("http://h:1", "/swarm", null, "1.0"), "http://h:1/#/swarm");
  assert.equal(pageAt("http://h:1/", "/"), "http://h:1/#/");
});

test("a bare token opens the first page", () => {
  assert.deepEqual(parseFragment("#token=abc"), { route: "/", token: "abc", cursor: null });
});

test("a plain route has no token, whatever it contains", () => {
  assert.equal(parseFragment("#/models/token=x").token, null);
  assert.equal(parseFragment("").route, "/");
});

test("only web addresses become links", () => {
  assert.ok(isWebAddress("http://127.0.0.1:8400"));
  assert.ok(isWebAddress("https://node.example"));
  assert.ok(!isWebAddress("javascript:alert(1)"));
  assert.ok(!isWebAddress(""));
});

test("routes name their page", () => {
  assert.equal(parseRoute("/").page, "studies");
  assert.deepEqual(
    [parseRoute("/studies/s-1").page, parseRoute("/studies/s-1").name],
    ["study", "s-1"],
  );
  assert.equal(parseRoute("/models/a%20b").name, "a b");
  assert.equal(parseRoute("/new?dataset=d-1").query.get("dataset"), "d-1");
  assert.equal(parseRoute("/nowhere").page, "missing");
  assert.equal(parseRoute("/models/%E0%A4%A").name, "%E0%A4%A");
});
