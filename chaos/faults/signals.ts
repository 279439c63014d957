import { connectTemporal } from "../../temporal/connect.ts";
import { signalLookAgain } from "../../temporal/nudge.ts";
import { pause } from "../fleet/agents.ts";
import type { Stage } from "../stage.ts";
import type { FaultOptions } from "./provider.ts";

const sendMs = 2_000;

/** Workflows that wait: of requests nobody has decided yet, of open sessions and of runs. */
const waiting = `select workflow_id as id from approval_requests where status = 'pending'
  union all select 'session:' || id from sessions where ended_at is null
  union all select 'run:' || id from agent_runs where completed_at is null limit 50`;

/** Sends signals nobody has a reason for, each more than once: they must be taken for what they are. */
export async function repeatSignals(
  { stack, database }: Stage,
  { dice, onFault }: FaultOptions,
  signal: AbortSignal,
): Promise<void> {
  const temporal = await connectTemporal({ address: stack.temporalAddress, namespace: stack.temporalNamespace });
  while (!signal.aborted) {
    await pause(dice.between(500, 2_000), signal);
    try {
      const { rows } = await database.query<{ id: string }>(waiting);
      if (rows.length === 0) continue;
      const { id } = dice.pick(rows);
      const send = () => temporal.connection.withDeadline(Date.now() + sendMs, () => signalLookAgain(temporal, id));
      await Promise.all([send(), send(), send()]);
      onFault("signal three times");
    } catch {
      // The server or the database is away.
    }
  }
  // The client repeats by itself what has failed, and throws where nobody catches it when it cannot any more: it is closed
  // when it has long given up.
  setTimeout(() => void temporal.connection.close(), 10 * sendMs);
}
