import { beforeAll, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import type { RunView } from "../../support/runs.ts";
import { storeRuns } from "../governance/runs-stage.ts";
import { call, inOrganisation, withRole } from "../governance/stage.ts";

type Row = Pick<RunView, "id" | "used">;

let organisation: TestOrganisation;
let bob: Person & { id: string };
/** A tree (`top`, below it `left` and `right`, below `left` `deep`), and a run of its own. */
let runs: Record<"top" | "left" | "right" | "deep" | "alone", string>;

beforeAll(async () => {
  organisation = await makeOrganisation("usage");
  bob = await withRole(organisation, "AgentBuilder", "bob");
  const hidden = await organisation.ou(`${organisation.root}/hidden`);
  runs = await inOrganisation(organisation.organisationId, async (tx) => {
    const ous = await tx.rows<{ id: string; path: string }>("select id, path from ous");
    const at = (path: string) => ous.find((ou) => ou.path === path)?.id ?? "";
    const ofBob = { ouId: at(organisation.root), requesterId: bob.id, budget: {} };
    const [top = "", left = "", right = "", deep = "", alone = ""] = await storeRuns(tx, [
      ofBob,
      ofBob,
      ofBob,
      { ...ofBob, ouId: at(hidden) },
      ofBob,
    ]);
    for (const [id, parent, spent] of [
      [top, null, 1],
      [left, top, 10],
      [right, top, 100],
      [deep, left, 1_000],
    ] as const)
      await tx.run(
        `update agent_runs set parent_run_id = $2, root_run_id = $3, tokens_total = $4::integer, cost_micros_total = $4 * 2, calls_total = $4 * 3
          where id = $1`,
        [id, parent, top, spent],
      );
    return { top, left, right, deep, alone };
  });
});

const used = (amount: number) => ({ tokens: amount, cost_micros: amount * 2, calls: amount * 3 });
const list = async (person: Person, query = "") =>
  Object.fromEntries((await person.get<{ data: Row[] }>(`/runs?${query}`)).data.map((row) => [row.id, row.used]));

test("a list tells what runs have used with all their subagents, as each of them tells by itself", async () => {
  expect(await list(bob)).toEqual({ [runs.top]: used(1_111), [runs.alone]: used(0) });
  expect(await list(bob, `root=${runs.top}`)).toEqual({
    [runs.top]: used(1_111),
    [runs.left]: used(1_010),
    [runs.right]: used(100),
    [runs.deep]: used(1_000),
  });
  for (const [id, amount] of [
    [runs.top, 1_111],
    [runs.left, 1_010],
  ] as const)
    expect((await bob.get<Row>(`/runs/${id}`)).used).toEqual(used(amount));
});

test("page by page it is the same", async () => {
  const first = await bob.get<{ data: Row[]; next_cursor: string }>(`/runs?limit=1`);
  const second = await bob.get<{ data: Row[] }>(`/runs?limit=1&cursor=${first.next_cursor}`);
  expect([...first.data, ...second.data].map((row) => row.used.tokens)).toEqual([0, 1_111]);
});

test("nobody else is told of them", async () => {
  const [eve, stranger] = await Promise.all([organisation.person("eve"), makeOrganisation("usage-other")]);
  expect(await list(eve)).toEqual({});
  expect(await list(stranger.admin, `root=${runs.top}`)).toEqual({});
  expect((await call(stranger.admin, "GET", `/runs/${runs.top}`)).status).toBe(404);
});
