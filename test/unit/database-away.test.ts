import { DatabaseError } from "pg";
import { expect, test } from "vitest";
import { isDatabaseAway } from "../../db/database.ts";

const failed = (code: string) => Object.assign(new DatabaseError("it failed", 0, "error"), { code });

test.each(["08006", "25P02", "40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "57P01", "58030"])(
  "%s is the database's fault: it is asked again later",
  (code) => {
    expect(isDatabaseAway(failed(code))).toBe(true);
  },
);

test.each(["22P02", "23505", "42501", "42P01", "P0001"])("%s is the statement's fault", (code) => {
  expect(isDatabaseAway(failed(code))).toBe(false);
});
