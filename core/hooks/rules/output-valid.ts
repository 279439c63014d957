import type { Rule } from "../outcomes.ts";
import type { OutputSubject } from "../subjects.ts";
import { fitsSchema } from "./fits-schema.ts";

/** The output fits the definition's output schema. */
export const outputValid: Rule<OutputSubject> = {
  name: "output-valid",
  check: (subject) =>
    fitsSchema("the output", subject.output, subject.run.schemaValidation, (output) => ({ ...subject, output })),
};
