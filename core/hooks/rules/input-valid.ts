import type { Rule } from "../outcomes.ts";
import type { TaskSubject } from "../subjects.ts";
import { fitsSchema } from "./fits-schema.ts";

/** The input fits the definition's input schema. */
export const inputValid: Rule<TaskSubject> = {
  name: "input-valid",
  check: (subject) =>
    fitsSchema("the input", subject.input, subject.run.schemaValidation, (input) => ({ ...subject, input })),
};
