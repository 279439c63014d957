import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { attendApprovals } from "../../../demo/run/approver.ts";
import { sandboxAvailability } from "../../../tools/sandbox/availability.ts";
import { diceOf } from "../../integration/conversations/pools.ts";
import { mindCalls } from "../../simulator/minds.ts";
import { everything } from "../../support/everything.ts";
import { eventually, makeOrganisation, type TestOrganisation, testSeed } from "../../support/organisation.ts";
import {
  armMind,
  ended,
  fixingMind,
  planOf,
  type RunView,
  type Script,
  sample,
  sampleFiles,
} from "../../support/runs.ts";
import { type Stage, stopwatch } from "../stage.ts";

const sandbox = await sandboxAvailability();
if (!sandbox.available) console.log(`skipped: ${sandbox.reason}`);

/** SIGKILL of worker and API while agents run under the control plane. */
export function runKills(stage: () => Stage): void {
  describe("runs", () => {
    const dice = diceOf(testSeed());
    const budget = { tokens: 400_000, calls: 80 };
    let organisation: TestOrganisation;
    let bob: Person;
    /** A run that nothing has happened to. */
    let undisturbed: Awaited<ReturnType<typeof leftBy>>;
    const over = new AbortController();
    let approving: Promise<unknown> = Promise.resolve();

    beforeAll(async () => {
      if (!sandbox.available) return;
      organisation = await makeOrganisation("killed-runs", {
        apiUrl: stage().stack.apiUrl,
        databaseUrl: stage().stack.databaseUrl,
      });
      const { root } = organisation;
      bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }] });
      const approver = await organisation.person("eve", { roles: [{ role: "Approver", ou: root }] });
      const ignored = { say: () => undefined, paint: (_: unknown, text: string) => text, contentOf: () => "" };
      approving = attendApprovals({ ...ignored, approver, thinkMs: 100, signal: over.signal });
      const id = await start("undisturbed", paced(fixingMind(), 150));
      await ended(bob, id, 60_000);
      undisturbed = await leftBy(id);
    });
    afterAll(async () => {
      over.abort();
      await approving;
    });

    /** The same mind, that takes its time for each answer: a call has a middle then. */
    function paced(roles: Record<string, Script>, delay_ms: number): Record<string, Script> {
      return Object.fromEntries(
        Object.entries(roles).map(([role, script]) => [
          role,
          "turns" in script
            ? { ...script, turns: script.turns.map((said) => ({ delay_ms, ...said })) }
            : { rules: script.rules.map((rule) => ({ ...rule, reply: { delay_ms, ...rule.reply } })) },
        ]),
      );
    }

    async function start(
      name: string,
      roles: Record<string, Script>,
      task = "Find and fix the failing test.",
    ): Promise<string> {
      const armed = await armMind(name, roles, stage().stack.simulatorUrl);
      const { id } = await bob.make<{ id: string }>("/runs", { task, models: armed, files: sampleFiles, budget });
      return id;
    }

    const callsTo = (name: string) => mindCalls({ url: stage().stack.simulatorUrl }, `mind-${name}`);
    const rows = <Row>(text: string, id: string) => stage().witness.rows<Row>(text, [id]);
    const inTree = "run_id in (select id from agent_runs where root_run_id = $1)";

    /** What a tree of runs has left behind, in words that are the same for every tree that went the same way. */
    async function leftBy(id: string) {
      const [runs, steps, leases, uses, audit, events, files] = await Promise.all([
        rows<{ agent_id: string; status: string; output: unknown }>(
          "select agent_id, status, output from agent_runs where root_run_id = $1 order by created_at",
          id,
        ),
        rows<{ step: string }>(
          `select concat_ws(' ', r.agent_id, s.plan_step, s.tool_name, s.status, s.decision ->> 'verdict') as step
         from agent_steps s join agent_runs r on r.id = s.run_id
        where r.root_run_id = $1 and s.step_type = 'tool_call' order by 1`,
          id,
        ),
        rows<{ lease: string }>(
          `select concat_ws(' ', r.agent_id, l.tool_id, l.risk, split_part(l.granted_by, '_', 1), l.calls_remaining) as lease
         from leases l join agent_runs r on r.id = l.run_id where r.root_run_id = $1 order by 1`,
          id,
        ),
        rows<{ count: number }>(`select count(*)::int as count from lease_uses where ${inTree}`, id),
        rows<{ entry: string }>(
          `select concat_ws(' ', r.agent_id, a.entry ->> 'operation', a.entry ->> 'outcome',
              nullif(a.entry ->> 'target', 'run:' || r.id)) as entry
         from control_plane_audit a join agent_runs r on a.entry ->> 'act' = 'run:' || r.id
        where r.root_run_id = $1 order by 1`,
          id,
        ),
        rows<{ event: string }>(
          `select concat_ws(' ', r.agent_id, e.type, e.payload ->> 'tool') as event
         from run_events e join agent_runs r on r.id = e.run_id where e.root_run_id = $1 order by 1`,
          id,
        ),
        rows<{ path: string; content: string }>(
          "select path, convert_from(content, 'UTF8') as content from run_files where run_id = $1 and stage = 'output' order by 1",
          id,
        ),
      ]);
      return {
        runs: runs.map(({ agent_id, status, output }) => ({ agent: agent_id, status, output: withoutTimes(output) })),
        steps: steps.map(({ step }) => step),
        leases: leases.map(({ lease }) => lease),
        leaseUses: uses[0]?.count,
        audit: audit.map(({ entry }) => entry),
        events: events.map(({ event }) => event),
        files,
      };
    }

    /** What a command has written tells times, which are of each run alone: its exit code stays. */
    function withoutTimes(output: unknown): unknown {
      return JSON.parse(JSON.stringify(output) ?? "null", (_, value: unknown) =>
        typeof value === "string" && value.startsWith('{"exit_code":') ? value.slice(0, value.indexOf(",")) : value,
      );
    }

    /** Events of a run that are steps, and whether a command is under way: of that nobody would know how far it came. */
    async function progressOf(id: string): Promise<{ steps: number; command: boolean; over: boolean }> {
      const [found] = await rows<{ steps: number; command: boolean; over: boolean }>(
        `select (select count(*)::int from run_events where root_run_id = $1 and type in ('model_answered', 'run_step')) as steps,
            exists (select from agent_steps where ${inTree} and tool_name = 'execute_command'
                     and status in ('proposed', 'running')) as command,
            (select completed_at is not null from agent_runs where id = $1) as over`,
        id,
      );
      if (found === undefined) throw new Error(`no run ${id}`);
      return found;
    }

    async function unknownCalls(id: string): Promise<string[]> {
      const found = await rows<{ step_id: string }>(
        `select step_id from agent_steps where ${inTree} and step_type = 'model_call' and status = 'unknown'`,
        id,
      );
      return found.map(({ step_id }) => step_id);
    }

    /** What has reached the model against what is recorded: requests, different ones, and steps that have an answer. */
    async function callCounts(name: string, id: string) {
      const calls = await callsTo(name);
      const times = Map.groupBy(calls, ({ digest }) => digest);
      const [recorded] = await rows<{ count: number }>(
        `select count(*)::int as count from agent_steps where ${inTree} and step_type = 'model_call' and status = 'success'`,
        id,
      );
      return {
        different: times.size,
        recorded: recorded?.count,
        sentAgain: [...times.values()].filter(({ length }) => length > 1).map(({ length }) => length),
        answeredAgain: [...times.values()].filter((same) => same.filter(({ answered }) => answered).length > 1).length,
      };
    }

    async function withinBudget(run: RunView): Promise<void> {
      expect(run.used.tokens).toBeLessThanOrEqual(budget.tokens);
      expect(run.used.calls).toBeLessThanOrEqual(budget.calls);
      expect(await organisation.admin.get("/audit/verify")).toMatchObject({ intact: true });
    }

    test.runIf(sandbox.available).for(everything ? ["worker", "api"] : [])(
      "SIGKILL of the %s in the middle of a run: it goes on after the restart, ends the same, and nothing happens twice",
      async (part) => {
        const nth = dice.pick([2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
        const id = await start(`killed-${part}`, paced(fixingMind(), 150));
        const before = await eventually(
          async () => {
            const now = await progressOf(id);
            return now.over || (now.steps >= nth && !now.command) ? now : undefined;
          },
          `step ${nth}`,
          60_000,
        );
        expect(before.over).toBe(false);
        const since = stopwatch();
        await stage().kill(part);
        const { steps } = await progressOf(id);
        await stage().again(part);
        const up = since();
        const goesOn = async () => {
          const now = await progressOf(id);
          return now.over || now.steps > steps || (await unknownCalls(id)).length > 0 ? true : undefined;
        };
        await eventually(goesOn, "the run goes on", 30_000);
        const progress = since();
        const run = await ended(bob, id, 60_000);
        const unknown = await unknownCalls(id);
        console.log(
          `${part} killed after step ${nth} (${steps} recorded): runs again after ${up} s, progress after ${progress} s, finished after ${since()} s, ${unknown.length} calls of unknown outcome`,
        );

        expect(await leftBy(id)).toEqual(undisturbed);
        expect(run).toMatchObject({ status: "completed", output: { result: "fixed and reviewed", status: "done" } });
        expect(undisturbed.files).toContainEqual({ path: "src/total.js", content: sample.fixed });
        const { different, recorded, sentAgain } = await callCounts(`killed-${part}`, id);
        expect(different).toBe(recorded);
        // What nobody could record is asked once more, also when the answer was on its way: each such call is a step that
        // says so. No recorded answer is asked for again.
        expect(sentAgain.every((times) => times === 2)).toBe(true);
        expect(sentAgain.length).toBeLessThanOrEqual(unknown.length);
        if (part === "api") expect(unknown).toEqual([]);
        for (const type of ["run_started", "run_completed"])
          expect(undisturbed.events.filter((event) => event.endsWith(` ${type}`))).toHaveLength(
            undisturbed.runs.length,
          );
        await withinBudget(run);
      },
    );

    /** A run whose planner waits for its second answer. */
    async function inModelCall(): Promise<{ id: string; digest: string }> {
      const mind = paced(fixingMind(), 20);
      const { planner } = mind;
      if (planner === undefined || !("turns" in planner)) throw new Error("the planner has no turns");
      const slow = planner.turns.map((said, turn) => (turn === 1 ? { ...said, delay_ms: 3_000 } : said));
      const id = await start("in-flight", { ...mind, planner: { ...planner, turns: slow } });
      const underWay = async () =>
        (await callsTo("in-flight")).find(({ role, turn, answered }) => role === "planner" && turn === 1 && !answered);
      const { digest } = await eventually(underWay, "the call is under way", 30_000);
      return { id, digest };
    }

    /** A run whose executor's command has begun. */
    async function inCommand(): Promise<string> {
      const { plan, executor } = planOf([
        { step: 1, tool: "execute_command", args: { command: "echo once >> ran.txt; sleep 8; echo late >> ran.txt" } },
      ]);
      const { planner: _, orchestrator: __, ...others } = fixingMind();
      const delegate = (agent: string, input: Record<string, unknown>) => ({
        tool_uses: [{ name: "delegate", input: { agent, input } }],
      });
      const id = await start("lost-command", {
        ...others,
        executor,
        planner: { turns: [{ output: plan }] },
        orchestrator: {
          turns: [
            delegate("planner", { task: "{{input.task}}" }),
            delegate("executor", { plan: "{{last.run_id}}" }),
            { output: { result: "{{last.reason}}", status: "failed" } },
          ],
        },
      });
      const running = `select from agent_steps where ${inTree} and tool_name = 'execute_command' and status = 'running'`;
      await eventually(
        async () => ((await rows(running, id)).length > 0 ? true : undefined),
        "the command runs",
        30_000,
      );
      // Until it has written its first line.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      return id;
    }

    test.runIf(sandbox.available)(
      "what was under way when the worker died is of unknown outcome: a model call is made once more at most, a command never",
      async () => {
        const lost = await inCommand();
        const { id, digest } = await inModelCall();
        const since = stopwatch();
        await stage().kill("worker");
        await stage().again("worker");
        const up = since();
        await eventually(async () => ((await unknownCalls(id)).length > 0 ? true : undefined), "it is known", 30_000);
        console.log(`noticed ${Math.round((since() - up) * 100) / 100} s after the restart`);
        const [called, commanded] = await Promise.all([ended(bob, id, 60_000), ended(bob, lost, 60_000)]);

        expect(await unknownCalls(id)).toEqual(["main/2"]);
        expect(await leftBy(id)).toEqual(undisturbed);
        const calls = await callsTo("in-flight");
        expect(calls.filter((call) => call.digest === digest).map(({ answered }) => answered)).toEqual([false, true]);
        const counts = await callCounts("in-flight", id);
        expect(counts).toEqual({
          different: counts.recorded,
          recorded: counts.recorded,
          sentAgain: [2],
          answeredAgain: 0,
        });
        // What may have been charged counts as charged.
        const [charged] = await rows<{ calls: number }>(
          "select calls_total as calls from agent_runs where root_run_id = $1 and agent_id = 'planner'",
          id,
        );
        expect(charged?.calls).toBe(3);
        await withinBudget(called);

        expect(commanded.children.map(({ agent, status }) => `${agent} ${status}`)).toEqual([
          "planner completed",
          "executor failed",
        ]);
        const [told] = await rows<{ status: string; result: string }>(
          `select status, result from agent_steps where ${inTree} and tool_name = 'execute_command'`,
          lost,
        );
        expect(told).toMatchObject({ status: "failed", result: expect.stringContaining("The worker was lost") });
        const left = await leftBy(lost);
        // The command died with its worker: it neither went on nor began anew.
        expect(left.files).toContainEqual({ path: "ran.txt", content: "once\n" });
        expect(left.steps.filter((step) => step.includes("execute_command"))).toHaveLength(1);
        expect(
          left.audit.filter((entry) => entry.includes("run.step") && entry.includes("execute_command")),
        ).toHaveLength(1);
        await withinBudget(commanded);
      },
    );
  });
}
