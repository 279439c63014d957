import { expect, test } from "vitest";
import { holdStream, mostStreamsPerPerson } from "../../api/open-streams.ts";
import type { Database } from "../../db/database.ts";

// Only the key that a process's streams are counted under.
const db = {} as Database;

test("one person's streams are bounded, another's are theirs, and each makes room once when it closes", () => {
  const releases = Array.from({ length: mostStreamsPerPerson }, () => holdStream({ db }, "ada"));
  expect(() => holdStream({ db }, "ada")).toThrow(`You hold ${mostStreamsPerPerson} streams open`);
  const other = holdStream({ db }, "ben");
  const [first] = releases;
  first?.();
  first?.();
  const again = holdStream({ db }, "ada");
  expect(() => holdStream({ db }, "ada")).toThrow("more are not allowed");
  for (const release of [...releases, again, other]) release();
  expect(() => holdStream({ db }, "ada")()).not.toThrow();
});
