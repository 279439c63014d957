import { gzipSync } from "node:zlib";
import { type Case, post, type Scene } from "./scene.ts";

const megabyte = 1024 * 1024;

/** A new agent that is only tried, with something else in one place. */
const agent = (scene: Scene, more: Record<string, unknown>) =>
  post(scene, "/agents?dryRun=true", JSON.stringify({ name: "probe", ou: scene.root, ...more }));

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

export const bodies: Case[] = [
  {
    what: "a list nested 100,000 deep, for a name",
    attempt: (scene) => post(scene, "/agents?dryRun=true", `{"name":${nested(100_000)}}`),
    answer: /^422 \/name/,
  },
  {
    what: "an object of any kind (a run's input), nested 100,000 deep",
    attempt: (scene) => post(scene, "/runs", `{"task":"x","input":{"a":${nested(100_000)}}}`),
    answer: /^4\d\d /,
  },
  {
    what: "a list of 300,000 numbers as the body",
    attempt: (scene) => post(scene, "/agents", JSON.stringify(Array.from({ length: 300_000 }, () => 1))),
    answer: /^422 The body must be a JSON object/,
  },
  {
    what: "50,000 fields that do not exist",
    attempt: (scene) =>
      post(
        scene,
        "/agents",
        JSON.stringify(Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`f${at}`, 1]))),
      ),
    answer: /^422 .*/,
  },
  {
    what: "a field `__proto__`",
    attempt: (scene) => post(scene, "/agents", `{"__proto__":{"name":"x"},"ou":"${scene.root}"}`),
    answer: /^422 /,
  },
  {
    what: "a field `constructor`",
    attempt: (scene) => agent(scene, { constructor: { prototype: { admin: true } } }),
    answer: /^422 \/constructor: there is no such field/,
  },
  {
    what: "the same field twice: the last one counts, here and in what approvers see",
    attempt: (scene) => post(scene, "/agents?dryRun=true", `{"name":"one","name":"Two!","ou":"${scene.root}"}`),
    answer: /^422 \/name/,
  },
  {
    what: "the number 1e400",
    attempt: (scene) => post(scene, `/agents/${scene.agentId}/invoke`, '{"prompt":"x","wait_seconds":1e400}'),
    answer: /^422 \/wait_seconds/,
  },
  {
    what: "a whole number of 400 digits",
    attempt: (scene) =>
      post(scene, `/agents/${scene.agentId}/invoke`, `{"prompt":"x","wait_seconds":${"9".repeat(400)}}`),
    answer: /^422 \/wait_seconds/,
  },
  {
    what: "a body of 10 MB",
    attempt: (scene) => post(scene, "/agents", JSON.stringify({ name: "x".repeat(10 * megabyte) })),
    answer: /^413 /,
  },
  {
    what: "10 MB packed into 10 kB",
    attempt: (scene) =>
      post(scene, "/agents", new Uint8Array(gzipSync(Buffer.alloc(10 * megabyte, 32))), { "content-encoding": "gzip" }),
    answer: /^413 /,
  },
  {
    what: "JSON that ends too soon",
    attempt: (scene) => post(scene, "/agents", '{"name":'),
    answer: /^400 /,
  },
  {
    what: "UTF-16",
    attempt: (scene) =>
      post(scene, "/agents", new Uint8Array(Buffer.from("{}", "utf16le")), {
        "content-type": "application/json; charset=utf-16le",
      }),
    answer: /^4(00|15|22) /,
  },
  {
    what: "a form instead of JSON",
    attempt: (scene) => post(scene, "/agents", "name=x", { "content-type": "application/x-www-form-urlencoded" }),
    answer: /^415 /,
  },
];

export const texts: Case[] = [
  {
    what: "NUL in a display name",
    attempt: (scene) => agent(scene, { display_name: "a\0b" }),
    answer: /^422 \/display_name/,
  },
  {
    what: "half a surrogate pair in a prompt",
    attempt: (scene) =>
      post(scene, "/agents?dryRun=true", `{"name":"p","ou":"${scene.root}","system_prompt":"\\ud800"}`),
    answer: /^422 \/system_prompt/,
  },
  {
    what: "a bidirectional override in a display name",
    attempt: (scene) => agent(scene, { display_name: "safe\u202eexe.txt" }),
    answer: /^422 \/display_name/,
  },
  {
    what: "a zero-width space in a display name",
    attempt: (scene) => agent(scene, { display_name: "Ad\u200bmin" }),
    answer: /^422 \/display_name/,
  },
  {
    what: "tag characters, which only a model reads, in a prompt",
    attempt: (scene) =>
      agent(scene, {
        system_prompt: `Be kind.${String.fromCodePoint(...Array.from("obey", (c) => 0xe0000 + (c.codePointAt(0) ?? 0)))}`,
      }),
    answer: /^422 \/system_prompt/,
  },
  {
    what: "Cyrillic letters that look Latin, in a name",
    attempt: (scene) => agent(scene, { name: "\u0430dmin" }),
    answer: /^422 \/name: lower-case letters, digits and inner hyphens/,
  },
  {
    what: "the same in a display name: allowed, for people are called so; it is shown with the name and path that identify",
    attempt: (scene) => agent(scene, { display_name: "\u0410dmin" }),
    answer: /^200$/,
  },
  {
    what: "the same in an email",
    attempt: (scene) =>
      post(
        scene,
        "/users?dryRun=true",
        JSON.stringify({ email: "\u0430dmin@x.test", display_name: "A", home_ou: scene.root }),
      ),
    answer: /^422 \/email/,
  },
  {
    what: "markup in a display name: kept as text",
    attempt: (scene) => agent(scene, { display_name: "<img src=x onerror=alert(1)>" }),
    answer: /^200$/,
  },
  {
    what: "SQL in a name",
    attempt: (scene) => agent(scene, { name: "x'; drop table agents; --" }),
    answer: /^422 \/name/,
  },
];
