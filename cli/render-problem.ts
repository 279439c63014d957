import type { CliFailure } from "./failure.ts";
import type { Paint } from "./paint.ts";
import { oneLine, printable } from "./printable.ts";

interface Fault {
  pointer?: unknown;
  detail?: unknown;
}
interface Granter {
  email?: unknown;
  role?: unknown;
  ou?: unknown;
}

/** A failure for people: the sentence, where it is in the input, who can grant what is missing. */
export function renderFailure({ message, problem }: CliFailure, paint: Paint): string[] {
  // What the API refused has a title and a status; what went wrong here is said by its sentence.
  const title = typeof problem.status === "number" ? `${oneLine(problem.title)} (${problem.status}): ` : "";
  const faults = Array.isArray(problem["errors"]) ? (problem["errors"] as Fault[]) : [];
  const granters = Array.isArray(problem["who_can_grant"]) ? (problem["who_can_grant"] as Granter[]) : [];
  const lines = [`${paint("red", `✗ ${title}`.trimEnd())} ${printable(message)}`];
  const note = (label: string, text: string) => lines.push(`  ${paint("dim", `${label}:`)} ${printable(text)}`);

  // The detail of invalid input repeats its faults; then one list is enough.
  for (const { pointer, detail } of faults)
    if (!message.includes(String(detail))) note(String(pointer), String(detail));
  if (typeof problem["pointer"] === "string") note("at", problem["pointer"]);
  if (typeof problem["existing_id"] === "string") note("existing", problem["existing_id"]);
  const list = granters.map(({ email, role, ou }) => `${String(email)} (${String(role)} at ${String(ou)})`).join(", ");
  if (list !== "") note("who can grant it", list);
  if (typeof problem["request_id"] === "string") note("request", problem["request_id"]);
  return lines;
}
