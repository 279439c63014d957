import type { Sql } from "../../db/database.ts";

/** Looks like a file in a workspace: has a folder or a short ending, and no spaces. */
const pathLike = /(?:^|[\s"'`(])((?:[\w.-]+\/)+[\w.-]+|[\w-]+\.[a-z]{1,4})(?=$|[\s"'`):,;.])/g;
const claimsPassing = /\btests?\b[^.]{0,40}\bpass(?:es|ed|ing)?\b/i;

/**
 * Whether an output hangs together with what the run has seen: the files it names occur in the input or in the run's tool
 * calls and results, and when it says that tests pass, some command has ended with exit code 0. It reads no minds: it finds
 * what was made up out of nothing.
 */
export async function incoherences(sql: Sql, runId: string, output: unknown): Promise<string[]> {
  const rows = await sql.rows<{ text: string }>(
    `select coalesce(s.args::text, '') || ' ' || coalesce(left(s.result, 200000), '') as text from agent_steps s
      where s.step_type = 'tool_call' and s.run_id in (select id from agent_runs where root_run_id =
        (select root_run_id from agent_runs where id = $1))
      union all select input::text from agent_runs where id = $1`,
    [runId],
  );
  const seen = rows.map(({ text }) => text).join("\n");
  return incoherencesWith(seen, output);
}

/** The pure part: what an output claims that does not occur in what was seen. */
export function incoherencesWith(seen: string, output: unknown): string[] {
  const words = textsIn(output).join("\n");
  const faults: string[] = [];
  for (const path of new Set([...words.matchAll(pathLike)].map(([, path]) => path ?? "")))
    if (!seen.includes(path.replace(/^\.\//, ""))) faults.push(`it names ${path}, which the run has not seen`);
  if (claimsPassing.test(words) && !/"exit_code":\s*0\b/.test(seen))
    faults.push("it says that tests pass, and no command has ended with exit code 0");
  return faults.slice(0, 10);
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}
