import { type Case, post, type Scene } from "./scene.ts";
import { onTheWire } from "./wire.ts";

/** A path sent as it is: clients would tidy it up. */
const get =
  (path: string) =>
  ({ arena, token }: Scene) =>
    onTheWire(
      arena.apiUrl,
      `GET ${path} HTTP/1.1\r\nHost: ${new URL(arena.apiUrl).host}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    );

const file = (path: string) => (scene: Scene) =>
  post(scene, "/runs", JSON.stringify({ task: "x", files: [{ path, content: "x" }] }));

export const paths: Case[] = [
  { what: "`GET /agents/../../etc/passwd`", attempt: get("/agents/../../etc/passwd"), answer: /^404 / },
  { what: "`GET /agents/..%2f..%2fetc%2fpasswd`", attempt: get("/agents/..%2f..%2fetc%2fpasswd"), answer: /^404 / },
  { what: "`GET /docs/..%2f..%2fpackage.json`", attempt: get("/docs/..%2f..%2fpackage.json"), answer: /^40[034] / },
  { what: "`GET /docs/../../package.json`", attempt: get("/docs/../../package.json"), answer: /^40[034] / },
  {
    what: "`GET /docs/%2e%2e/%2e%2e/package.json`",
    attempt: get("/docs/%2e%2e/%2e%2e/package.json"),
    answer: /^40[034] /,
  },
  { what: "`GET /docs/..%5c..%5cpackage.json`", attempt: get("/docs/..%5c..%5cpackage.json"), answer: /^40[034] / },
  { what: "`GET /agents/%00`", attempt: get("/agents/%00"), answer: /^4(00|04|22) / },
  { what: "`GET /agents/%ff`", attempt: get("/agents/%ff"), answer: /^400 / },
  { what: "`GET /agents/%`", attempt: get("/agents/%"), answer: /^400 / },
  { what: "`GET //example.com/me`", attempt: get("//example.com/me"), answer: /^404 / },
  { what: "`GET http://example.com/me`", attempt: get("http://example.com/me"), answer: /^(200|40\d) / },
  { what: "a path of 12,000 characters", attempt: get(`/agents/${"a".repeat(12_000)}`), answer: /^4(04|14|31) / },
  { what: "a run's file `../../etc/passwd`", attempt: file("../../etc/passwd"), answer: /^422 \/files\/0\/path/ },
  { what: "a run's file `/etc/passwd`", attempt: file("/etc/passwd"), answer: /^422 \/files\/0\/path/ },
  { what: "a run's file `a/./b`", attempt: file("a/./b"), answer: /^422 \/files\/0\/path/ },
  { what: "a run's file `a\\..\\b`", attempt: file("a\\..\\b"), answer: /^422 \/files\/0\/path/ },
  { what: "a run's file with NUL in its name", attempt: file("a\0.txt"), answer: /^422 \/files\/0\/path/ },
];
