import Anthropic from "@anthropic-ai/sdk";
import { Pool } from "pg";

/** The role of the stand-in's mind that the bare worker asks, and the model it is asked for. */
export const bareRole = "bare";
export const bareModel = "mind-bench-bare";

/** Where it is recorded. */
export const createRecords =
  "create table if not exists public.bench_records (id bigint generated always as identity primary key, said jsonb, ended_at timestamptz)";

/**
 * The least that a call of a model and a call of a tool cost whoever may lose neither: the call is marked as sent before it
 * is, its answer is stored before anybody acts on it, and what the tool brought is stored. Three commits of one row each,
 * without rights, budgets, leases, hooks or an audit trail.
 */
export function recording(databaseUrl: string, simulatorUrl: string) {
  const pool = new Pool({ connectionString: databaseUrl, max: 20 });
  const claude = new Anthropic({ apiKey: "bench", baseURL: simulatorUrl, maxRetries: 0 });
  return {
    async ask(): Promise<void> {
      const { rows } = await pool.query<{ id: string }>("insert into public.bench_records default values returning id");
      const message = await claude.messages
        .stream({
          model: bareModel,
          max_tokens: 1_000,
          system: `bare, role: ${bareRole}`,
          messages: [{ role: "user", content: "Read." }],
        })
        .finalMessage();
      await pool.query("update public.bench_records set said = $2, ended_at = clock_timestamp() where id = $1", [
        rows[0]?.id,
        JSON.stringify(message.content),
      ]);
    },
    async use(): Promise<number> {
      await pool.query("insert into public.bench_records (said, ended_at) values ($1, clock_timestamp())", [
        JSON.stringify("x".repeat(200)),
      ]);
      return performance.timeOrigin + performance.now();
    },
  };
}

export type RecordingActivities = ReturnType<typeof recording>;
