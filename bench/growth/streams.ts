import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { v7 } from "uuid";
import { WebSocket } from "ws";
import { hashToken } from "../../core/bearer.ts";
import { type Finding, figure } from "../report.ts";
import { summarise } from "../samples.ts";
import { usage } from "./processes.ts";
import type { GrowthStage } from "./stage.ts";

const quietSeconds = 20;

/** Open sessions, each watched over a WebSocket: what a stream holds, what all cost at rest, and how soon all are told. */
export async function measureStreams(stage: GrowthStage, count: number): Promise<Finding[]> {
  const { admin, stack } = stage;
  const before = (await usage(stage))["api"];
  const sessions = await openSessions(stage, count);
  const heard = new Map<string, number>();
  const sockets: WebSocket[] = [];
  // Rows without a workflow: now and then the sweep looks after one, and its session ends, as it should.
  let ended = 0;
  const cut: string[] = [];
  try {
    for (let first = 0; first < sessions.length; first += 50)
      await Promise.all(
        sessions.slice(first, first + 50).map(async ({ id, ticket }) => {
          const url = `${stack.apiUrl.replace("http", "ws")}/sessions/${id}/stream?ticket=${ticket}`;
          const socket = new WebSocket(url, { perMessageDeflate: false });
          sockets.push(socket);
          socket.on("message", (data: Buffer) => {
            if (data.includes("growth.event")) heard.set(id, performance.now());
          });
          await once(socket, "open");
          socket.on("close", (code, reason) => {
            if (code === 1000) ended += 1;
            else cut.push(`${code} ${reason.toString()}`);
          });
        }),
      );
    await sleep(5_000);
    const open = (await usage(stage))["api"];
    await sleep(quietSeconds * 1_000);
    const rested = (await usage(stage))["api"];
    const told = performance.now();
    await admin.query(
      `with stored as (
         insert into session_events (organisation_id, session_id, position, type, payload)
         select $1, id, 1, 'growth.event', '{}' from unnest($2::uuid[]) id returning session_id)
       select pg_notify('session_events', session_id::text) from stored`,
      [stage.organisationId, sessions.map(({ id }) => id)],
    );
    for (let waited = 0; heard.size + ended + cut.length < count && waited < 30_000; waited += 50) await sleep(50);
    const delays = summarise([...heard.values()].map((at) => at - told));
    return [
      {
        name: `${count} streams: memory of the API for each`,
        measured: `${figure(before?.mib ?? 0)} MiB without, ${figure(open?.mib ?? 0)} MiB with them`,
        value: (((open?.mib ?? 0) - (before?.mib ?? 0)) * 1024) / count,
        unit: "kB",
        target: { at: "most", value: 200 },
      },
      {
        name: `${count} streams: the API at rest`,
        measured: `processor time over ${quietSeconds} s in which nothing happens; ${ended} ended with their sessions, ${cut.length} cut ${[...new Set(cut)].join(", ")}`,
        value: ((rested?.cpuSeconds ?? 0) - (open?.cpuSeconds ?? 0)) / quietSeconds,
        unit: "cores",
        target: { at: "most", value: 0.5 },
      },
      {
        name: `${count} streams: one event to each`,
        measured: `${heard.size} told, p50 ${figure(delays.p50)}, p95 ${figure(delays.p95)}, last ${figure(Math.max(...heard.values()) - told)} ms`,
        value: heard.size + ended >= count && cut.length === 0 ? delays.p95 : Number.POSITIVE_INFINITY,
        unit: "ms",
        target: { at: "most", value: 5_000 },
      },
    ];
  } finally {
    for (const socket of sockets) socket.terminate();
    await admin.query(
      "update sessions set status = 'ended', ended_at = clock_timestamp(), cleaned_at = clock_timestamp() where id = any ($1::uuid[])",
      [sessions.map(({ id }) => id)],
    );
  }
}

/** Rows of open sessions and of tickets to their streams: what is measured is the streaming, not the talk. */
async function openSessions({ admin, organisationId }: GrowthStage, count: number) {
  const sessions = Array.from({ length: count }, () => ({ id: v7(), ticket: v7() }));
  const ids = sessions.map(({ id }) => id);
  await admin.query(
    `insert into sessions (id, organisation_id, agent_id, invoker_id, prompt, status, idle_timeout_seconds, body_digest, next_position)
     select id, $1, growth.uuid_of('agent', n % 1000), growth.uuid_of('user', n % 100), 'Streamed', 'idle', 28800, md5(id::text), 2
       from unnest($2::uuid[]) with ordinality s (id, n)`,
    [organisationId, ids],
  );
  await admin.query(
    `insert into stream_tickets (organisation_id, ticket_hash, session_id, principal_id, expires_at)
     select $1, hash, id, growth.uuid_of('user', n % 100), clock_timestamp() + interval '1 hour'
       from unnest($2::uuid[], $3::text[]) with ordinality s (id, hash, n)`,
    [organisationId, ids, sessions.map(({ ticket }) => hashToken(ticket))],
  );
  return sessions;
}
