import { actions } from "../../../contracts/actions.ts";
import { reads } from "../../../contracts/reads.ts";
import { operations } from "../../../operations/registry.ts";
import type { Actor, Target } from "./world.ts";

/** A request as it would be sent. */
export interface Request {
  method: string;
  path: string;
  body?: Record<string, unknown>;
}

/** One valid request for an operation; with another `variant`, one that needs other rights. */
export interface Trial {
  operation: string;
  variant?: string;
  /** Whether it is about something in an OU, or about the whole organisation. */
  about: "place" | "organisation";
  /** Whether the target may belong to whoever tries: it is tried with their own as well. */
  own?: true;
  request: (target: Target, actor: Pick<Actor, "email">) => Request;
  /** Statuses that only whoever is allowed comes to: it would have been done, had it not been done or over already. */
  beyond?: readonly number[];
  /** Of lists: what the answer contains for those who see the target. */
  shows?: (target: Target) => string;
}

type Details = Omit<Trial, "operation" | "request" | "about">;

const declared = new Map(
  [
    ...reads.map(({ name, path }) => ({ name, path, method: "GET" })),
    ...operations.map(({ name, http }) => ({ name, path: http.path, method: http.method as string })),
    ...actions.map(({ name, path }) => ({ name: name as string, path: path as string, method: "POST" })),
    { name: "bootstrap", path: "/bootstrap", method: "POST" },
    { name: "event.stream", path: "/events", method: "GET" },
    { name: "audit.export", path: "/audit/export", method: "GET" },
    { name: "run.stream", path: "/runs/:run_id/stream", method: "GET" },
    { name: "sign_out", path: "/sign-out", method: "POST" },
  ].map((route) => [route.name, route]),
);

/** Every operation by its route, `GET /agents/:agent_id`. */
export const operationByRoute: ReadonlyMap<string, string> = new Map(
  [...declared.values()].map(({ name, path, method }) => [`${method} ${path}`, name]),
);

/** Operations that can be asked for as a dry run, which decides by the same code. */
export const governed: ReadonlySet<string> = new Set(operations.map(({ name }) => name));

type Ids = (target: Target) => Record<string, string>;
const none: Ids = () => ({});

/** About something in an OU; the ids it gives stand in the path. */
function at(
  operation: string,
  ids: Ids = none,
  body?: (target: Target) => Record<string, unknown>,
  more: Details & { query?: (target: Target) => Record<string, string> } = {},
): Trial {
  const { query, ...details } = more;
  return { operation, about: "place", ...details, request: requestOf(operation, ids, body, query) };
}

/** About the whole organisation. */
function whole(operation: string, body?: Record<string, unknown>, more: Details & { ids?: Ids } = {}): Trial {
  const { ids, ...details } = more;
  const request = requestOf(operation, ids ?? none, body === undefined ? undefined : () => body);
  return { operation, about: "organisation", ...details, request };
}

function requestOf(
  operation: string,
  ids: Ids,
  body?: (target: Target) => Record<string, unknown>,
  query?: (target: Target) => Record<string, string>,
): Trial["request"] {
  const route = declared.get(operation);
  if (route === undefined) throw new Error(`there is no operation ${operation}`);
  return (target) => {
    const given = ids(target);
    const path = route.path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(given[name] ?? ""));
    const search = query === undefined ? "" : `?${new URLSearchParams(query(target)).toString()}`;
    const sent = body?.(target) ?? (route.method === "POST" ? {} : undefined);
    return { method: route.method, path: path + search, ...(sent === undefined ? {} : { body: sent }) };
  };
}

/** A list of everything one may see. */
const list = (operation: string, shows: (target: Target) => string, more: Pick<Trial, "own"> = {}): Trial =>
  at(operation, none, undefined, { ...more, shows, query: () => ({ limit: "200" }) });

const id = (value: string) => `"id":"${value}"`;
const agent: Ids = (t) => ({ agent_id: t.agent });
const session: Ids = (t) => ({ session_id: t.session });
const run: Ids = (t) => ({ run_id: t.run });
const request: Ids = (t) => ({ request_id: t.approval });
const own = { own: true } as const;
/** The run, or the session, is over: whoever is told so was let through. */
const over = { own: true, beyond: [409] } as const;

/**
 * A valid request for every operation, in an order in which they can all be carried out one after the other on the same
 * target: what takes away comes last.
 */
export const trials: readonly Trial[] = [
  at("agent.create", none, (t) => ({ name: "new", ou: t.ou })),
  at("agent.update", agent, () => ({ display_name: "Other" })),
  at("agent.attach_skill", agent, (t) => ({ skill_id: t.spareSkill })),
  at("agent.attach_mcp_server", agent, (t) => ({ mcp_server_id: t.spareServer })),
  at("credential.create", agent, (t) => ({ mcp_server_id: t.bareServer })),
  at("mcp_server.register", none, (t) => ({ name: "new", ou: t.ou, url: "https://new.example/mcp" })),
  at(
    "mcp_server.register",
    none,
    (t) => ({ name: "shared", ou: t.ou, url: "https://s.example/mcp", deployment: "shared" }),
    { variant: "shared" },
  ),
  at("skill.create", none, (t) => ({ name: "new", ou: t.ou, description: "S", content: "#" })),
  at(
    "skill.create_version",
    (t) => ({ skill_id: t.skill }),
    () => ({ content: "# 2" }),
  ),
  at("ou.create", none, (t) => ({ name: "new", parent: t.ou })),
  at("user.create", none, (t) => ({ email: `new@${t.agent}.test`, display_name: "New", home_ou: t.ou })),
  at("group.create", none, (t) => ({ name: "new", ou: t.ou })),
  at(
    "group.add_member",
    (t) => ({ group_id: t.group }),
    (t) => ({ user: t.user }),
  ),
  at("binding.create", none, (t) => ({ role: "AgentUser", ou: t.ou, user: t.user })),
  ...(["OrgAdmin", "OUAdmin", "Approver", "Auditor"] as const).map((role) =>
    at("binding.create", none, (t) => ({ role, ou: t.ou, user: t.user }), { variant: role }),
  ),
  at("policy.create", none, (t) => ({ name: "new", ou: t.ou, operations: ["ou.create"], enabled: false })),
  at(
    "policy.update",
    (t) => ({ policy_id: t.policy }),
    () => ({ expires_after_seconds: 1000 }),
  ),
  whole("governance.set_mode", { mode: "PERMISSION", reason: "As it was" }),
  whole("governance.set_mode", { mode: "BYPASS", reason: "In a hurry", duration_seconds: 60 }, { variant: "BYPASS" }),
  at(
    "budget.set",
    (t) => ({ ou_id: t.ouId }),
    () => ({ tokens_limit: 2_000_000_000 }),
  ),
  at("agent.invoke", agent, () => ({ prompt: "Hello" })),
  at("agent.reconcile", agent),
  at("session.message", session, () => ({ text: "Hello" }), over),
  at("session.interrupt", session, () => ({}), over),
  at("session.ticket", session, () => ({}), own),
  at("session.end", session, () => ({}), own),
  // Refused for the agent's name when everything else would do: nothing is started.
  at("run.start", none, (t) => ({ task: "Hello", ou: t.ou, agent: "nobody" }), { beyond: [422] }),
  at("run.message", run, () => ({ text: "Hello" }), over),
  at("run.pause", run, () => ({}), over),
  at("run.resume", run, () => ({}), over),
  at("run.cancel", run, () => ({}), over),
  // Another digest: only whoever may decide is told so.
  at("approval.vote", request, () => ({ decision: "approve", digest: "0".repeat(64) }), over),
  at("request.cancel", request, () => ({}), own),
  at("bootstrap", none, (t) => ({ ou: t.ou })),
  at("elevation.revoke", (t) => ({ elevation_id: t.elevation }), undefined, own),
  at("group.remove_member", (t) => ({ group_id: t.group, member_id: t.member })),
  at("binding.delete", (t) => ({ binding_id: t.binding })),
  at("credential.revoke", (t) => ({ credential_id: t.credential })),
  at("agent.detach_skill", (t) => ({ agent_id: t.agent, skill_id: t.skill })),
  at("agent.detach_mcp_server", (t) => ({ agent_id: t.agent, mcp_server_id: t.server })),
  at("mcp_server.remove", (t) => ({ mcp_server_id: t.spareServer })),
  at("agent.delete", agent),

  whole("me.get"),
  whole("permission.list"),
  whole("environment.get"),
  whole("role.list"),
  whole("agent_definition.list"),
  whole("approval.summary"),
  whole("governance.get_mode"),
  whole("audit.list"),
  whole("audit.get", undefined, { ids: () => ({ position: "1" }) }),
  whole("audit.verify"),
  whole("audit.verified"),
  whole("audit.export"),
  whole("event.stream"),
  // Ends the sign-in of browsers; whoever comes by a token has none.
  whole("sign_out", {}, { beyond: [400] }),
  list("ou.list", (t) => id(t.ouId)),
  at("ou.get", (t) => ({ ou_id: t.ouId })),
  list("user.list", (t) => id(t.user), own),
  at("user.get", (t) => ({ user: t.email }), undefined, own),
  list("group.list", (t) => id(t.group)),
  at("group.get", (t) => ({ group_id: t.group })),
  list("binding.list", (t) => id(t.binding)),
  at("binding.get", (t) => ({ binding_id: t.binding })),
  list("skill.list", (t) => id(t.skill)),
  at("skill.get", (t) => ({ skill_id: t.skill })),
  at("skill_version.list", (t) => ({ skill_id: t.skill })),
  list("mcp_server.list", (t) => id(t.server)),
  at("mcp_server.get", (t) => ({ mcp_server_id: t.server })),
  list("agent.list", (t) => id(t.agent)),
  at("agent.get", agent),
  at("credential.list", agent),
  list("policy.list", (t) => id(t.policy)),
  at("policy.get", (t) => ({ policy_id: t.policy })),
  list("request.list", (t) => id(t.approval), own),
  at("request.get", request, undefined, own),
  list("approval.list", (t) => id(t.approval), own),
  at("approval.get", request, undefined, own),
  list("session.list", (t) => id(t.session), own),
  at("session.get", session, undefined, own),
  at("session_event.list", session, undefined, own),
  list("run.list", (t) => id(t.run), own),
  at("run.get", run, undefined, own),
  at("run_event.list", run, undefined, own),
  at("run_file.list", run, undefined, own),
  at("permission_request.list", run, undefined, own),
  at("run.export", run, undefined, own),
  at("run.stream", run, undefined, own),
  list("budget.list", (t) => `"ou_id":"${t.ouId}"`),
  list("elevation.list", (t) => id(t.elevation), own),
  at("authority.explain", none, undefined, {
    own: true,
    query: (t) => ({ permission: "agent.create", ou: t.ou, principal: t.user }),
  }),
  at("authority.explain", none, undefined, {
    variant: "of oneself",
    query: (t) => ({ permission: "agent.create", ou: t.ou }),
  }),
];

/** `agent.create`, or `binding.create (OrgAdmin)`. */
export function nameOf({ operation, variant }: Pick<Trial, "operation" | "variant">): string {
  return variant === undefined ? operation : `${operation} (${variant})`;
}
