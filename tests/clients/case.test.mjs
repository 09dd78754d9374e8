// The worked cases of the exchange format, and that a wrong expectation is told.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { BIN } from "./liuke.mjs";

const shared = join(dirname(fileURLToPath(import.meta.url)), "../../../shared/stats/retention-analytics.md");
const dir = mkdtempSync(join(tmpdir(), "liuke-cases-"));
process.on("exit", () => rmSync(dir, { recursive: true, force: true }));

function run(text) {
  const file = join(dir, "case.json");
  writeFileSync(file, text);
  const r = spawnSync(BIN, ["case", file], { encoding: "utf8", env: { ...process.env, LC_ALL: "C.UTF-8" } });
  return { code: r.status, out: r.stdout, err: r.stderr };
}
test("every worked case gives the answer it expects", (t) => {
  if (!existsSync(shared)) {
    if (process.env.CI === "true") assert.fail("../shared is not there");
    return t.skip("../shared is not there");
  }
  const cases = [...readFileSync(shared, "utf8").matchAll(/```json\n(\{"id"[\s\S]*?)```/g)].map((m) => m[1]);
  assert.equal(cases.length, 12);
  for (const c of cases) {
    const r = run(c);
    assert.equal(r.code, 0, JSON.parse(c).id + ": " + r.out + r.err);
  }
});
const EVENTS = [
  { user: "甲", event: "open", time: "2024-03-01T12:00:00Z" },
  { user: "甲", event: "open", time: "2024-03-02T12:00:00Z" },
  { user: "乙", event: "open", time: "2024-03-01T12:00:00Z" },
];
const QUERY = {
  period: "day",
  first_interval: "2024-03-01",
  intervals: 2,
  start_event: { name: "open" },
  return_event: { name: "open" },
};
test("another answer than the expected one is exit code 1, and the answer is printed", () => {
  const ask = (expected) => run(JSON.stringify({ id: "x", kind: "retention", events: EVENTS, query: QUERY, expected }));
  assert.deepEqual(ask([[2, 1], [1]]), { code: 0, out: "[[2,1],[1]]\n", err: "" });
  const wrong = ask([[2, 2], [1]]);
  assert.equal(wrong.code, 1);
  assert.equal(wrong.out, "[[2,1],[1]]\n");
  assert.match(wrong.err, /differs/);
});
test("windowFunnel in both examples: the window is inclusive", () => {
  const ask = (last, expected, modes = []) =>
    run(
      JSON.stringify({
        id: "w",
        kind: "window_funnel",
        events: [
          { t: 0, value: 1 },
          { t: 5, value: 2 },
          { t: last, value: 3 },
        ],
        query: { window: 10, modes, conditions: [1, 2, 3].map((v) => ({ op: "eq", v })) },
        expected,
      }),
    ).code;
  assert.equal(ask(11, 2), 0);
  assert.equal(ask(10, 3), 0);
  assert.equal(ask(10, 2), 1);
});
test("traits of people filter, and a file that is none is told", () => {
  const filter = { person_props: { plan: "pro" } };
  const people = [
    { id: "甲", distinct_ids: ["甲"], props: { plan: "pro" } },
    { id: "乙", distinct_ids: ["乙", "乙二"], props: { plan: "free" } },
  ];
  const r = run(
    JSON.stringify({ id: "f", kind: "retention", people, events: EVENTS, query: { ...QUERY, filter }, expected: [[1, 1], [1]] }),
  );
  assert.equal(r.code, 0, r.out + r.err);
  assert.equal(run("{").code, 1);
  assert.match(run('{"kind":"retention"}').err, /query/);
});
