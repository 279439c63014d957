import type { Evidence } from "./evidence.ts";
import { entriesOf, type Told } from "./facts.ts";
import type { LogRecord, Violation } from "./record.ts";
import { trueTimes } from "./true-times.ts";

/** What each role may do: written down from the documentation, not from the product's table. */
const agentWork =
  /^(agent\.(create|update|delete|attach_\w+|detach_\w+|invoke)|credential\.(create|revoke)|run\.start)$/;
const unitWork = /^(ou|user|group|binding|skill|mcp_server)\.\w+$/;
const mayDo: Record<string, (operation: string) => boolean> = {
  OrgAdmin: () => true,
  OUAdmin: (operation) => agentWork.test(operation) || unitWork.test(operation),
  AgentBuilder: (operation) => agentWork.test(operation),
  AgentUser: (operation) => ["agent.invoke", "run.start"].includes(operation),
  Approver: (operation) => operation === "approval.vote",
};

/** A role somebody may have held: from when it was asked for until taking it away was answered. */
interface Held {
  email: string;
  role: string;
  ou: string;
  from: number;
  until: number;
}

interface Policy {
  ou: string;
  operations: string[];
  approver_role: string;
  approvals_needed: number;
  from: number;
}

/** Rights of anybody at any time, by what clients wrote down about giving and taking them. */
function heldBy(log: readonly LogRecord[], told: readonly Told[]): Held[] {
  const taken = new Map(
    told
      .filter(({ operation, outcome }) => operation === "binding.delete" && outcome === "applied")
      .map(({ marks, answeredAt }) => [marks["binding_id"], answeredAt]),
  );
  const given = log
    .filter((record) => record.kind === "given")
    .map(({ email, role, ou }) => ({ email, role, ou, from: 0, until: Number.POSITIVE_INFINITY }));
  const granted = told
    .filter(({ operation, outcome }) => operation === "binding.create" && outcome !== "refused")
    .map(({ marks, at, target }) => ({
      email: String(marks["user"]),
      role: String(marks["role"]),
      ou: String(marks["ou"]),
      from: at,
      until: taken.get(target) ?? Number.POSITIVE_INFINITY,
    }));
  return [...given, ...granted];
}

const covers = (above: string, ou: string) => ou === above || ou.startsWith(`${above}/`);

/** No effect whose actor had no right at that time; no approval by somebody who was not asked. */
export function checkAuthority(evidence: Evidence, told: readonly Told[]): Violation[] {
  const found: Violation[] = [];
  const rights = Map.groupBy(heldBy(evidence.log, told), ({ email }) => email);
  const timesOf = trueTimes(evidence.log);
  const may = (email: string, operation: string, ou: string, stored: number, role?: string) =>
    (rights.get(email) ?? []).some(
      (one) =>
        (role === undefined ? mayDo[one.role]?.(operation) === true : one.role === role) &&
        covers(one.ou, ou) &&
        timesOf(stored).some((at) => one.from <= at && at <= one.until),
    );
  const users = new Map(evidence.users.map(({ id, email }) => [id, email]));
  const requests = new Map(evidence.requests.map((request) => [request.id, request]));
  const policies: Policy[] = told
    .filter(({ operation, outcome }) => operation === "policy.create" && outcome === "applied")
    .map(({ marks, answeredAt }) => ({ ...(marks as unknown as Policy), from: answeredAt }));

  for (const { id, operation, outcome, ou, sub, at, position, approval_id } of entriesOf(evidence)) {
    const email = users.get(sub ?? "");
    if (outcome !== "applied" || ou === null || !id.startsWith("req_")) continue;
    if (email === undefined || !may(email, operation, ou, at))
      found.push({ kind: "unauthorised", what: `entry ${position}: ${email} had no right to ${operation} at ${ou}` });
    for (const policy of policies) {
      if (
        timesOf(at).some((really) => really < policy.from) ||
        !covers(policy.ou, ou) ||
        !policy.operations.some((one) => matches(one, operation))
      )
        continue;
      const yes = evidence.votes.filter(
        ({ request_id, decision }) => request_id === approval_id && decision === "approve",
      );
      const counted = new Set(yes.filter((vote) => vote.email !== email).map((vote) => vote.email));
      if (counted.size < policy.approvals_needed)
        found.push({
          kind: "unauthorised",
          what: `entry ${position}: ${operation} at ${ou} needed ${policy.approvals_needed} approvals and had ${counted.size}`,
        });
    }
  }

  const cast = new Set(
    told
      .filter(({ operation }) => operation === "approval.vote")
      .map(({ email, marks }) => [email, marks["request_id"], marks["decision"]].join(" ")),
  );
  for (const { email, request_id, decision, at } of evidence.votes) {
    const request = requests.get(request_id);
    const what = `the vote of ${email} on ${request_id}`;
    if (!cast.has(`${email} ${request_id} ${decision}`))
      found.push({ kind: "unauthorised", what: `${what} was never cast by them` });
    if (request?.requester === email) found.push({ kind: "unauthorised", what: `${what} is on their own request` });
    if (request !== undefined && !may(email, "approval.vote", request.ou, at.getTime(), "Approver"))
      found.push({ kind: "unauthorised", what: `${what} is by somebody who was no Approver then` });
  }
  return found;
}

function matches(pattern: string, operation: string): boolean {
  return (
    pattern === "*" || pattern === operation || (pattern.endsWith(".*") && operation.startsWith(pattern.slice(0, -1)))
  );
}
