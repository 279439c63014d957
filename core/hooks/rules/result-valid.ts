import type { Rule } from "../outcomes.ts";
import type { ResultSubject } from "../subjects.ts";
import { fitsSchema } from "./fits-schema.ts";

/** The result fits the tool's output schema. An error is no result. */
export const resultValid: Rule<ResultSubject> = {
  name: "result-valid",
  check: (subject) =>
    subject.result.error
      ? { kind: "pass" }
      : fitsSchema(`the result of \`${subject.tool.name}\``, subject.result, subject.run.schemaValidation, (value) => ({
          ...subject,
          result: { ...value, error: false },
        })),
};
