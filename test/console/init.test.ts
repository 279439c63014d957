import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { v7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { unseal } from "../../core/sealing.ts";
import { powerloom } from "../cli/terminal.ts";
import { query } from "../support/database.ts";
import { sharedStack } from "../support/organisation.ts";

const secret = "s3cret-of-the-client";
let directory: string;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "powerloom-init-"));
  file = join(directory, "client-secret");
  await writeFile(file, `${secret}\n`);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function init(more: string[], env: Record<string, string> = {}) {
  const name = `init-${v7().slice(-10)}`;
  const outcome = await powerloom(
    ["init", "--org", name, "--admin-email", `admin@${name}.test`, "--issuer", "https://login.example", ...more],
    { env: { DATABASE_URL: sharedStack().databaseUrl, ...env } },
  );
  const rows = await query<{ audience: string; sealed_client_secret: string | null }>(
    `select p.audience, p.sealed_client_secret from organisations o
       join identity_providers p on p.organisation_id = o.id where o.name = $1`,
    [name],
  );
  return { outcome, row: rows[0] };
}

test("without a secret the console is a public client", async () => {
  const { outcome, row } = await init(["--audience", "console"]);
  expect(outcome.code).toBe(0);
  expect(row).toEqual({ audience: "console", sealed_client_secret: null });
});

test("a client secret is stored sealed, as the API opens it, and is not said again", async () => {
  const { sealingKey } = sharedStack();
  const { outcome, row } = await init(["--client-secret-file", file], { POWERLOOM_SEALING_KEY: sealingKey });
  expect(outcome.code).toBe(0);
  expect(unseal(Buffer.from(sealingKey, "base64url"), row?.sealed_client_secret ?? "")).toBe(secret);
  expect(outcome.stdout + outcome.stderr).not.toContain(secret);
});

test.each<[string, () => Promise<{ args: string[]; env?: Record<string, string> }>, RegExp]>([
  ["no sealing key", async () => ({ args: [file] }), /POWERLOOM_SEALING_KEY is not set/],
  ["a wrong one", async () => ({ args: [file], env: { POWERLOOM_SEALING_KEY: "short" } }), /must be 32 bytes/],
  [
    "no such file",
    async () => ({ args: [join(directory, "nothing")], env: { POWERLOOM_SEALING_KEY: sharedStack().sealingKey } }),
    /nothing cannot be read \(ENOENT\)/,
  ],
  [
    "an empty file",
    async () => {
      const empty = join(directory, "empty");
      await writeFile(empty, "\n");
      return { args: [empty], env: { POWERLOOM_SEALING_KEY: sharedStack().sealingKey } };
    },
    /is empty/,
  ],
])("with %s it says so, and makes nothing", async (_what, given, words) => {
  const { args, env } = await given();
  const { outcome, row } = await init(["--client-secret-file", ...args], env);
  expect(outcome.code).toBe(2);
  expect(outcome.stderr).toMatch(words);
  expect(row).toBeUndefined();
});
