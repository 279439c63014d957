import type { components } from "../../../contracts/generated/api.ts";

type Shown = components["schemas"];

const units = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** A length of time in words, by its two largest units: `7 days`, `1 hour 30 minutes`. */
export function span(seconds: number): string {
  const parts: string[] = [];
  let rest = seconds;
  for (const [unit, size] of units) {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    if (amount > 0 && parts.length < 2) parts.push(`${amount} ${unit}${amount === 1 ? "" : "s"}`);
  }
  return parts.join(" ") || "0 seconds";
}

type Policy = Pick<
  Shown["ApprovalPolicy"],
  "enabled" | "operations" | "ou_path" | "approvals_needed" | "approver_role" | "expires_after_seconds"
>;

/** Whom a policy binds, in sentences. */
export function bindsInWords(policy: Policy): string {
  const { operations, ou_path: ou, approvals_needed: needed, approver_role: role } = policy;
  const what = operations.includes("*") ? "any change" : operations.join(" or ");
  const people = needed === 1 ? `1 other person who holds ${role}` : `${needed} other people who hold ${role}`;
  const sentence = `Whoever asks for ${what} in ${ou} or below, themselves or through an agent, waits until ${people} there have approved it.`;
  const grammatical = needed === 1 ? sentence.replace(" there have ", " there has ") : sentence;
  const expiry = `What is not decided within ${span(policy.expires_after_seconds)} expires.`;
  return policy.enabled
    ? `${grammatical} ${expiry}`
    : `It is off and binds nobody. Enabled, it says: ${grammatical} ${expiry}`;
}
