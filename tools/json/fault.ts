import type { ErrorObject } from "ajv";

/** One thing wrong with a value: where (a JSON pointer, "" is all of it), what, and what would be valid. */
export interface Fault {
  pointer: string;
  message: string;
}

/** Enough to mend a value by; more would only fill the model's context. */
const mostFaults = 20;

export function toFaults(errors: readonly ErrorObject[]): Fault[] {
  const faults = errors
    // These only announce what follows or precedes them.
    .filter(({ keyword }) => keyword !== "if")
    .map((error) => ({ pointer: error.instancePath, message: messageOf(error) }));
  const texts = new Set<string>();
  return faults
    .filter(({ pointer, message }) => !texts.has(`${pointer} ${message}`) && texts.add(`${pointer} ${message}`))
    .slice(0, mostFaults);
}

function messageOf({ keyword, params, message = "is not valid" }: ErrorObject): string {
  switch (keyword) {
    case "additionalProperties":
      return `must not have the property ${JSON.stringify(params["additionalProperty"])}`;
    case "unevaluatedProperties":
      return `must not have the property ${JSON.stringify(params["unevaluatedProperty"])}`;
    case "enum":
      return `must be one of ${JSON.stringify(params["allowedValues"]).slice(0, 300)}`;
    case "const":
      return `must be ${JSON.stringify(params["allowedValue"]).slice(0, 300)}`;
    default:
      return message;
  }
}
