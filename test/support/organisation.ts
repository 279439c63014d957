import { randomInt } from "node:crypto";
import { inject } from "vitest";
import type { SharedStack } from "./global-setup.ts";
import { newOrganisation, type TestOrganisation } from "./new-organisation.ts";

export { eventually, seededRandom, type TestOrganisation } from "./new-organisation.ts";

/** The stack all integration tests share. */
export function sharedStack(): SharedStack {
  return inject("stack");
}

/** The seed of this run, printed once: POWERLOOM_TEST_SEED, or random. */
export function testSeed(): number {
  const seed = Number(process.env["POWERLOOM_TEST_SEED"] ?? randomInt(2 ** 31));
  console.log(`seed ${seed} (repeat with POWERLOOM_TEST_SEED=${seed})`);
  return seed;
}

/** A fresh organisation in the shared stack, with its admin signed in through dev login. */
export function makeOrganisation(
  label = "org",
  stack: Pick<SharedStack, "apiUrl" | "databaseUrl"> = sharedStack(),
): Promise<TestOrganisation> {
  return newOrganisation(label, stack);
}
