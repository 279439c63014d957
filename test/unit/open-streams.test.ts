import { expect, test } from "vitest";
import { holdStream, mostStreamsPerPerson, restMs } from "../../api/open-streams.ts";
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

test("the more streams there are, the longer each rests, so that all together ask as often as before", () => {
  const process = { db: {} as Database };
  expect(restMs(process, 250)).toBe(250);
  const releases = Array.from({ length: 1_000 }, (_, index) => holdStream(process, `person-${index % 100}`));
  expect(restMs(process, 250)).toBe(5_000);
  expect(restMs(process, 60_000)).toBe(60_000);
  for (const release of [...releases, ...releases]) release();
  expect(restMs(process, 250)).toBe(250);
});
