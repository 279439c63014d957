import { expectStatus, type Send } from "../http.ts";
import { summarise, timed } from "../samples.ts";
import { readersOu } from "./load.ts";
import type { GrowthStage } from "./stage.ts";

/** A read that people wait for. */
export interface NamedRead {
  name: string;
  as: "asker" | "approver" | "auditor" | "viewer" | "localApprover";
  path: string;
}

/** What somebody's reads are about: rows that are there at each factor. */
export interface Readers {
  people: Record<NamedRead["as"], Send>;
  reads: NamedRead[];
}

/** Answers have as many rows at factor 1 as at any other: where there are fewer than a page, the page is made smaller. */
export async function readsOf(stage: GrowthStage): Promise<Readers> {
  const { rows } = await stage.admin.query<{ agent: string; user: string; request: string; trace: string }>(
    `select growth.uuid_of('agent', 77) as agent, growth.uuid_of('user', 77) as "user", growth.request_of(7777) as request,
            growth.trace_of(50) as trace`,
  );
  const known = rows[0];
  if (known === undefined) throw new Error("the organisation has not been loaded");
  const ou = encodeURIComponent(`/acme/ou-${readersOu}`);
  const reads: NamedRead[] = [
    { name: "me", as: "asker", path: "/me" },
    { name: "my permissions", as: "asker", path: "/me/permissions" },
    { name: "OUs", as: "asker", path: "/ous?limit=10" },
    { name: "agents", as: "asker", path: "/agents" },
    { name: "agents of an OU", as: "asker", path: `/agents?ou=${ou}` },
    { name: "agents of a name", as: "asker", path: "/agents?name=agent-777" },
    { name: "agents of an owner", as: "asker", path: `/agents?owner=${known.user}&limit=10` },
    { name: "agents, searched", as: "asker", path: "/agents?q=agent-77&limit=10" },
    { name: "agents, by one OU's viewer", as: "viewer", path: "/agents" },
    { name: "agent", as: "asker", path: `/agents/${known.agent}` },
    { name: "inbox", as: "approver", path: "/approvals?status=pending&mine=true" },
    {
      name: "inbox, of one OU's approver",
      as: "localApprover",
      path: "/approvals?status=pending&mine=true&limit=10",
    },
    { name: "approvals, summary", as: "approver", path: "/approvals/summary" },
    { name: "approvals, summary by one OU's approver", as: "localApprover", path: "/approvals/summary" },
    { name: "requests", as: "asker", path: "/requests" },
    { name: "runs", as: "asker", path: "/runs" },
    { name: "runs, by one OU's viewer", as: "viewer", path: "/runs" },
    { name: "sessions", as: "asker", path: "/sessions" },
    { name: "sessions, by one OU's viewer", as: "viewer", path: "/sessions" },
    { name: "audit", as: "auditor", path: "/audit" },
    { name: "audit of a request", as: "auditor", path: `/audit?request=${known.request}` },
    { name: "audit of a trace", as: "auditor", path: `/audit?trace_id=${known.trace}` },
    { name: "audit of a person", as: "auditor", path: `/audit?sub=${known.user}` },
    { name: "audit of a target", as: "auditor", path: `/audit?target=agent:${known.agent}&limit=10` },
    { name: "audit of a rare operation", as: "auditor", path: "/audit?operation=policy.update&limit=2" },
    { name: "audit of an outcome", as: "auditor", path: "/audit?outcome=refused" },
  ];
  return {
    people: {
      asker: stage.asker,
      approver: stage.approver,
      auditor: stage.auditor,
      viewer: await stage.local("viewer"),
      localApprover: await stage.local("approver"),
    },
    reads,
  };
}

export const ask = ({ people }: Readers, { as, path }: NamedRead) => expectStatus(people[as]("GET", path), 200);

/** Middle of the time an answer takes, milliseconds: of the one that grows, and of the one beside it that does not. */
export interface Pair {
  large: number;
  small: number;
}

/** In turn, one by one: what else this machine does hits both alike. */
export async function inTurn(
  count: number,
  large: (index: number) => Promise<unknown>,
  small: (index: number) => Promise<unknown>,
): Promise<Pair> {
  const samples: { large: number[]; small: number[] } = { large: [], small: [] };
  const warmUp = Math.min(8, count);
  for (let index = 0; index < count + warmUp; index += 1) {
    const [first, second] = [await timed(() => large(index)), await timed(() => small(index))];
    if (index < warmUp) continue;
    samples.large.push(first);
    samples.small.push(second);
  }
  return { large: summarise(samples.large).p50, small: summarise(samples.small).p50 };
}
