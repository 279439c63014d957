import type { RuleOutcome } from "../outcomes.ts";
import type { CheckedValue, RunView } from "../subjects.ts";

/**
 * What becomes of a value that was held against its schema: refused with its faults, taken over when it was repaired and
 * the definition lets that be, passed otherwise.
 * @param put the subject with the value that later rules shall see
 */
export function fitsSchema<S>(
  what: string,
  value: CheckedValue,
  strictness: RunView["schemaValidation"],
  put: (value: CheckedValue) => S,
): RuleOutcome<S> {
  if (value.faults.length > 0) {
    const list = value.faults.map(({ pointer, message }) => `${pointer === "" ? "/" : pointer}: ${message}`);
    return { kind: "refuse", reason: `${what} does not fit its schema: ${list.join("; ")}` };
  }
  if (!value.repaired) return { kind: "pass" };
  if (strictness === "strict")
    return { kind: "refuse", reason: `${what} fits its schema only when repaired, and the definition is strict` };
  return {
    kind: "repair",
    subject: put({ ...value, repaired: false }),
    note: `${what} was repaired to fit its schema`,
  };
}
