import {
  type RunRow,
  readRunEvents,
  readUsedBelow,
  runList,
  runSelect,
  runTree,
  type StepRow,
  usedBelow,
} from "../../db/queries/runs.ts";
import { runToView, stepToView } from "../views/runs.ts";
import {
  found,
  narrowToPerson,
  narrowToSame,
  narrowToText,
  ownOnly,
  ownOr,
  type ReadContext,
  readSeen,
  type Seen,
  seen,
} from "./scope.ts";

type Read = (context: ReadContext) => Promise<unknown>;

const latestSteps = 500;

/** The caller's own runs, and those in OUs where they may read runs. Whoever acts for a person sees that person's alone. */
async function readable(context: ReadContext): Promise<Seen> {
  const own = "r.requester_id";
  return context.caller.act === "" ? ownOr(context, own, "run:read") : ownOnly(context, own);
}

async function readableRun(context: ReadContext): Promise<RunRow> {
  const id = context.params["run_id"];
  const conditions = seen(await readable(context)).add("r.id::text = ?", id);
  return found(await context.tx.maybe<RunRow>(`${runSelect} where ${conditions.sql}`, conditions.values), "run", id);
}

export const runReads: Record<string, Read> = {
  "run.list": async (context) => {
    const runs = await readable(context);
    const { conditions } = runs;
    narrowToSame(context, conditions, { status: "r.status", agent: "r.agent_id" });
    await narrowToPerson(context, conditions, "requester", "r.requester_id");
    narrowToText(context, conditions, ["r.input_summary"]);
    if (context.query["root"] === undefined) conditions.add("r.parent_run_id is null");
    else conditions.add("r.root_run_id = ?::uuid", context.query["root"]);
    const page = await readSeen<RunRow, RunRow>(context, runList, runs, (row) => row, "desc");
    const below = await readUsedBelow(context.tx, page.data);
    return { ...page, data: page.data.map((row) => runToView(row, below(row.id))) };
  },
  "run.get": async (context) => {
    const run = await readableRun(context);
    const [tree, steps] = await Promise.all([
      runTree(context.tx, run.id),
      context.tx.rows<StepRow>(
        "select * from agent_steps where run_id = $1 order by created_at desc, step_id desc limit $2",
        [run.id, latestSteps],
      ),
    ]);
    const below = usedBelow(tree);
    return {
      ...runToView(run, below(run.id)),
      input: run.input,
      plan: run.plan,
      steps: steps.reverse().map(stepToView),
      children: tree.filter(({ id }) => id !== run.id).map((row) => runToView(row, below(row.id))),
    };
  },
  "run_event.list": async (context) => {
    const run = await readableRun(context);
    const { after, limit } = context.query;
    const events = await readRunEvents(context.tx, run.root_run_id, Number(after ?? 0), Number(limit ?? 200));
    return { data: events.map((event) => ({ ...event, at: event.at.toISOString() })) };
  },
  "run_file.list": async (context) => {
    const run = await readableRun(context);
    const files = await context.tx.rows<{ path: string; before: Buffer | null; after: Buffer | null }>(
      `select coalesce(i.path, o.path) as path, i.content as before, o.content as after
         from (select path, content from run_files where run_id = $1 and stage = 'input') i
         full join (select path, content from run_files where run_id = $1 and stage = 'output') o on o.path = i.path order by 1`,
      [run.root_run_id],
    );
    return { data: files.map(fileToView) };
  },
  "permission_request.list": async (context) => {
    const run = await readableRun(context);
    const rows = await context.tx.rows<Record<string, unknown> & { created_at: Date; decided_at: Date | null }>(
      `select p.request_id, p.run_id, p.step_id, p.tool_name as tool, p.args_summary, p.reason, p.decision, p.decision_reason,
              p.artifacts, p.created_at, p.decided_at
         from permission_requests p join agent_runs r on r.id = p.run_id where r.root_run_id = $1 order by p.created_at`,
      [run.root_run_id],
    );
    return {
      data: rows.map((row) => ({
        ...row,
        created_at: row.created_at.toISOString(),
        decided_at: row.decided_at?.toISOString() ?? null,
      })),
    };
  },
  "run.export": async (context) => {
    const run = await readableRun(context);
    const tree = await runTree(context.tx, run.id);
    const whole = (sql: string, id: string) => context.tx.rows<Record<string, unknown>>(sql, [id]);
    const below = usedBelow(tree);
    const runs = [];
    for (const row of tree)
      runs.push({
        ...runToView(row, below(row.id)),
        input: row.input,
        plan: row.plan,
        definition: (
          await whole("select name, version, digest, document from agent_definitions where id = $1", row.definition_id)
        )[0],
        transcript: await whole(
          "select thread, position, origin, role, content from run_messages where run_id = $1 order by thread, position",
          row.id,
        ),
        steps: await whole("select * from agent_steps where run_id = $1 order by created_at, step_id", row.id),
        permission_requests: await whole(
          "select * from permission_requests where run_id = $1 order by created_at",
          row.id,
        ),
        leases: await whole("select * from leases where run_id = $1 order by granted_at", row.id),
        events: await whole(
          "select position, type, payload, at from run_events where run_id = $1 order by position",
          row.id,
        ),
      });
    return { format: "powerloom-run/1", trace_id: run.trace_id, runs };
  },
};

function fileToView({ path, before, after }: { path: string; before: Buffer | null; after: Buffer | null }) {
  const change = before === null ? "added" : after === null ? "removed" : before.equals(after) ? "same" : "changed";
  const shown = change === "added" || change === "changed" ? after : null;
  const text = shown?.toString("utf8");
  const isText = text !== undefined && shown !== null && Buffer.from(text, "utf8").equals(shown);
  return {
    path,
    bytes: (after ?? before)?.length ?? 0,
    change,
    content: shown === null ? null : isText ? text : shown.toString("base64"),
    encoding: isText || shown === null ? "utf8" : "base64",
  };
}
