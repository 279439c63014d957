import type { Pool } from "pg";
import { pause } from "../fleet/agents.ts";
import type { FaultOptions } from "./provider.ts";

/** What everybody waits for while somebody holds it. */
const locks = [
  "select from audit_heads for update",
  "update authority_versions set version = version",
  "lock table operations in share mode",
  "lock table agent_steps in share mode",
  "lock table sessions in share mode",
];

/** Makes the database slow: locks that everything needs are held for a while, longer than a transaction may wait. */
export async function slowDatabase(
  database: Pool,
  { dice, onFault }: FaultOptions,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await pause(dice.between(3_000, 8_000), signal);
    const lock = dice.pick(locks);
    const held = dice.between(500, 3_000);
    const client = await database.connect().catch(() => undefined);
    if (client === undefined) continue;
    // The server may be killed while it is held.
    const broken = (): void => undefined;
    client.on("error", broken);
    try {
      await client.query("begin");
      await client.query("set local lock_timeout = '2s'");
      await client.query(lock);
      onFault("slow database");
      await pause(held, signal);
      await client.query("rollback");
      client.release();
    } catch {
      client.release(true);
    } finally {
      client.off("error", broken);
    }
  }
}
