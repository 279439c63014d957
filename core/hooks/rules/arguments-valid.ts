import type { Rule } from "../outcomes.ts";
import type { ToolSubject } from "../subjects.ts";
import { fitsSchema } from "./fits-schema.ts";

/** The arguments fit the tool's input schema. */
export const argumentsValid: Rule<ToolSubject> = {
  name: "arguments-valid",
  check: (subject) =>
    fitsSchema(`the input of \`${subject.tool.name}\``, subject.arguments, subject.run.schemaValidation, (value) => ({
      ...subject,
      arguments: value,
    })),
};
