export type ApprovalStatus = "pending" | "approved" | "denied" | "expired" | "cancelled" | "applied" | "refused";

/** What one matching policy (or built-in rule) asks for. A request is approved when every requirement is met. */
export interface Requirement {
  policyId: string | null;
  policyVersion: number | null;
  policyName: string;
  approverRole: string;
  approvalsNeeded: number;
  /** The OU that the policy is about and those above it, root first, when that is not the request's own: the role counts there. */
  alsoAt?: readonly string[];
}

export interface CastVote {
  principalId: string;
  decision: "approve" | "deny";
  /** Roles the voter held when voting: at the request's OU by name, elsewhere as `roleAt` writes them. */
  roles: readonly string[];
}

/** How a role counts that is held at another OU than the request's. */
export function roleAt(role: string, ouId: string): string {
  return `${role}@${ouId}`;
}

/**
 * The roles with which a person counts as an approver: by name at the request's OU, as `roleAt` at others it is about.
 * @param held what the person holds, each from its OU downwards
 * @param ancestors the request's OU and those above it
 */
export function approverRoles(
  held: readonly { role: string; ou_id: string }[],
  ancestors: readonly string[],
  requirements: readonly Requirement[],
): string[] {
  const at = (ous: readonly string[]) => held.filter(({ ou_id }) => ous.includes(ou_id)).map(({ role }) => role);
  const elsewhere = requirements.flatMap(({ alsoAt = [] }) =>
    at(alsoAt).map((role) => roleAt(role, alsoAt.at(-1) ?? "")),
  );
  return [...new Set([...at(ancestors), ...elsewhere])];
}

/** What a voter must hold for this requirement. */
function wanted({ approverRole, alsoAt }: Requirement): string {
  const ou = alsoAt?.at(-1);
  return ou === undefined ? approverRole : roleAt(approverRole, ou);
}

/** Whether a request asks somebody with these roles, as `approverRoles` gives them. */
export function asksOneOf(requirements: readonly Requirement[], roles: readonly string[]): boolean {
  return requirements.some((requirement) => roles.includes(wanted(requirement)));
}

/**
 * Where somebody's roles count for what is asked: for requests at these OUs and those below, or at any OU. The same as
 * `asksOneOf` with `approverRoles` at each OU.
 * @param held what the person holds, each from its OU downwards
 */
export function votingRoots(
  held: readonly { role: string; ou_id: string }[],
  requirements: readonly Requirement[],
): "anywhere" | string[] {
  const elsewhere = requirements.some(({ approverRole, alsoAt = [] }) =>
    held.some(({ role, ou_id }) => role === approverRole && alsoAt.includes(ou_id)),
  );
  if (elsewhere) return "anywhere";
  const here = new Set(requirements.filter(({ alsoAt = [] }) => alsoAt.length === 0).map((one) => one.approverRole));
  return [...new Set(held.filter(({ role }) => here.has(role)).map(({ ou_id }) => ou_id))].sort();
}

export interface Ballot {
  status: ApprovalStatus;
  requesterId: string;
  requirements: readonly Requirement[];
  digest: string;
  expiresAt: Date;
  votes: readonly CastVote[];
}

export interface Vote extends CastVote {
  delegated: boolean;
  digest: string;
  now: Date;
}

export type VoteOutcome =
  | { accepted: true; status: "pending" | "approved" | "denied" }
  | { accepted: false; code: "forbidden" | "conflict" | "gone"; reason: string };

/** May this vote be cast, and what does it make of the request? Pure; the row lock makes it safe under concurrency. */
export function castVote(ballot: Ballot, vote: Vote): VoteOutcome {
  const refuse = (code: "forbidden" | "conflict" | "gone", reason: string): VoteOutcome => ({
    accepted: false,
    code,
    reason,
  });

  if (vote.delegated) return refuse("forbidden", "a delegated token never approves");
  if (vote.principalId === ballot.requesterId) return refuse("forbidden", "nobody decides on their own request");
  if (!asksOneOf(ballot.requirements, vote.roles)) {
    const roles = [...new Set(ballot.requirements.map((requirement) => requirement.approverRole))].join(" or ");
    return refuse("forbidden", `deciding this needs the role ${roles} on the OU it is about`);
  }
  if (ballot.status !== "pending") return refuse("conflict", `the request is already ${ballot.status}`);
  if (vote.now >= ballot.expiresAt) return refuse("gone", "the request has expired");
  if (ballot.votes.some((earlier) => earlier.principalId === vote.principalId))
    return refuse("conflict", "you have already voted on this request");
  if (vote.digest !== ballot.digest)
    return refuse("conflict", "the digest is not the one of this request: look at the change again before deciding");

  if (vote.decision === "deny") return { accepted: true, status: "denied" };
  const votes = [...ballot.votes, vote];
  const met = ballot.requirements.every(
    (requirement) => approvalsFor(requirement, votes) >= requirement.approvalsNeeded,
  );
  return { accepted: true, status: met ? "approved" : "pending" };
}

/** Whether a person may vote now: what their vote would be told. */
export function mayVote(ballot: Ballot, voter: Pick<Vote, "principalId" | "roles" | "delegated" | "now">): boolean {
  return castVote(ballot, { ...voter, decision: "approve", digest: ballot.digest }).accepted;
}

/** How many approvals count towards this requirement. */
export function approvalsFor(requirement: Requirement, votes: readonly CastVote[]): number {
  return votes.filter((vote) => vote.decision === "approve" && vote.roles.includes(wanted(requirement))).length;
}
