import type { components } from "../../../contracts/generated/api.ts";

type Explanation = components["schemas"]["Explanation"];

/** Names after each other: `a`, `a or b`, `a, b or c`. */
function eitherOf(names: readonly string[]): string {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

/**
 * Why somebody may, or may not, do something somewhere: as sentences that can be sent to them. Names the rule that decides,
 * and, of a denial, which roles would allow it and who can give them.
 * @param roles that hold the permission
 */
export function explanationText(
  { effect, rule, reason, permission, ou, principal, who_can_grant: granters }: Explanation,
  roles: readonly string[],
): string {
  if (effect === "allow") return `${principal} may use ${permission} at ${ou}, as ${reason} (rule ${rule}).`;
  const sentences = [`${principal} may not use ${permission} at ${ou}: ${reason} (rule ${rule}).`];
  if (rule !== "principal-suspended" && rule !== "principal-unknown") {
    if (roles.length > 0)
      sentences.push(`It comes with the ${roles.length === 1 ? "role" : "roles"} ${eitherOf(roles)}.`);
    const people = [...new Set(granters.map(({ email, role, ou: where }) => `${email} (${role} at ${where})`))];
    sentences.push(
      people.length === 0
        ? "Nobody can grant it there at present."
        : `${eitherOf(people.slice(0, 5))} can grant it with a binding at ${ou} or above.`,
    );
  }
  return sentences.join(" ");
}
