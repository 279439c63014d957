import { beforeAll, describe, expect, test } from "vitest";
import type { Person } from "../../../demo/api.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { armMind, decideNext, ended, runWhen, type Said } from "../../support/runs.ts";
import { call, expireBindingsOf, inOrganisation, withRole } from "../governance/stage.ts";

let organisation: TestOrganisation;
let bob: Person & { id: string };
let eve: Person & { id: string };

beforeAll(async () => {
  organisation = await makeOrganisation("trail");
  const { root } = organisation;
  const approver = { role: "Approver", ou: root };
  bob = await organisation.person("bob", { roles: [{ role: "AgentBuilder", ou: root }, approver] });
  eve = await organisation.person("eve", { roles: [approver] });
});

const use = (name: string, input: Record<string, unknown>): Said => ({ tool_uses: [{ name, input }] });
const done: Said = { output: { summary: "done" } };

interface Started {
  id: string;
  trace_id: string;
}

async function start(name: string, roles: Record<string, { turns: Said[] }>, more: object): Promise<Started> {
  const model = Object.values(await armMind(name, roles))[0];
  const models = Object.fromEntries(Object.keys(roles).map((role) => [role, model]));
  return bob.make<Started>("/runs", { task: "Work.", models, ...more });
}

const writer = {
  gullible: {
    turns: [
      use("write_file", { path: "a", content: "a" }),
      use("write_file", { path: "elsewhere/b", content: "b" }),
      done,
    ],
  },
};

async function writes(name: string, gullible: { turns: Said[] } = writer.gullible) {
  return start(name, { gullible }, { agent: "gullible" });
}

interface Entry {
  position: number;
  sub: string | null;
  act: string | null;
  operation: string;
  outcome: string;
}

/** Entries as an auditor finds them, newest first. */
const found = async (query: string, auditor = organisation.admin) =>
  (await auditor.get<{ data: Entry[] }>(`/audit?${query}`)).data;

/** Everything that is recorded under a trace id but alerts, in words, oldest first. */
async function story({ trace_id }: Started): Promise<string[]> {
  const who = new Map([
    [bob.id, "bob"],
    [eve.id, "eve"],
  ]);
  const entries = await found(`trace_id=${trace_id}&limit=200`);
  const told = entries.filter(({ operation }) => operation !== "run.budget_warning").reverse();
  return told.map(({ sub, operation, outcome }) => [who.get(sub ?? ""), operation, outcome].join(" "));
}

describe("one trace id goes through everything that is recorded of a run", () => {
  test("with what it asks people for, what they say to that, and what comes of it", async () => {
    const run = await writes("asks-twice");
    const waiting = await runWhen(bob, run.id, ({ status }) => status === "waiting", "it asks");
    const { digest } = await eve.get<{ digest: string }>(`/approvals/${waiting.waiting_for}`);
    const own = await bob.send("POST", `/approvals/${waiting.waiting_for}/votes`, { decision: "approve", digest });
    expect(own.status).toBe(403);
    expect((await bob.send("POST", `/runs/${run.id}/pause`, {})).status).toBe(202);
    expect((await bob.send("POST", `/runs/${run.id}/resume`, {})).status).toBe(202);
    await decideNext(eve, "approve", organisation.root);
    await decideNext(eve, "deny", organisation.root);
    await ended(bob, run.id);
    expect(await story(run)).toEqual([
      "bob run.start accepted",
      "bob run.started applied",
      "bob run.permission pending_approval",
      "bob approval.vote refused",
      "bob run.pause accepted",
      "bob run.resume accepted",
      "eve approval.vote voted",
      "bob run.permission approved",
      "bob run.step applied",
      "bob run.permission pending_approval",
      "eve approval.vote voted",
      "bob run.permission denied",
      "bob run.step refused",
      "bob run.completed applied",
    ]);
  });

  test("with a larger budget it asks for, granted and then denied", async () => {
    const look = use("list_directory", { path: "." });
    const run = await start(
      "spends",
      { reader: { turns: [look, look, done] } },
      { agent: "spender", budget: { tokens: 200_000, calls: 1 } },
    );
    await decideNext(eve, "approve", organisation.root, "budget");
    await decideNext(eve, "deny", organisation.root, "budget");
    await ended(bob, run.id);
    expect(await story(run)).toEqual([
      "bob run.start accepted",
      "bob run.started applied",
      "bob run.step applied",
      "bob run.budget pending_approval",
      "eve approval.vote voted",
      "bob run.budget applied",
      "bob run.step applied",
      "bob run.budget pending_approval",
      "eve approval.vote voted",
      "bob run.budget denied",
      "bob run.failed failed",
    ]);
  });

  test("with a request that its requester withdraws, and one that ends with the run", async () => {
    const run = await writes("withdraws");
    const { waiting_for } = await runWhen(bob, run.id, ({ status }) => status === "waiting", "it asks");
    expect((await bob.send("POST", `/requests/${waiting_for}/cancel`, {})).status).toBe(200);
    await runWhen(
      bob,
      run.id,
      ({ status, waiting_for: next }) => status === "waiting" && next !== waiting_for,
      "it asks again",
    );
    expect((await bob.send("POST", `/runs/${run.id}/cancel`, {})).status).toBe(202);
    await ended(bob, run.id);
    expect(await story(run)).toEqual([
      "bob run.start accepted",
      "bob run.started applied",
      "bob run.permission pending_approval",
      "bob request.cancel cancelled",
      "bob run.permission cancelled",
      "bob run.step refused",
      "bob run.permission pending_approval",
      "bob run.cancel accepted",
      "bob run.permission cancelled",
      "bob run.failed cancelled",
    ]);
  });
});

describe("audit entries of one run or of one trace", () => {
  let tree: Started;
  let child: string;
  let other: Started;
  beforeAll(async () => {
    const delegate = use("delegate", { agent: "spender", input: { task: "Look." } });
    const roles = {
      orchestrator: { turns: [delegate, done] },
      reader: { turns: [use("list_directory", { path: "." }), done] },
    };
    tree = await start("delegates", roles, { agent: "spending-desk" });
    child = (await ended(bob, tree.id)).children[0]?.id ?? "";
    other = await start("alone", { reader: { turns: [done] } }, { agent: "spender" });
    await ended(bob, other.id);
  });

  test("are those of the whole tree, of one run of it, or of another, and of no other", async () => {
    const [whole, first, below, elsewhere] = await Promise.all(
      [`trace_id=${tree.trace_id}`, `run=${tree.id}`, `run=${child}`, `run=${other.id}`].map((query) => found(query)),
    );
    const operations = (entries: Entry[] | undefined) => entries?.map(({ operation }) => operation).toReversed();
    expect(operations(first)).toEqual(["run.start", "run.started", "run.completed"]);
    expect(operations(below)).toEqual(["run.started", "run.step", "run.completed"]);
    expect(operations(elsewhere)).toEqual(["run.start", "run.started", "run.completed"]);
    const positions = (entries: Entry[] = []) => entries.map(({ position }) => position);
    expect(positions(whole)).toEqual([...positions(first), ...positions(below)].toSorted((a, b) => b - a));
    expect(await found(`run=${child}&operation=run.step`)).toMatchObject([{ act: `run:${child}` }]);
    // Each narrows the other.
    expect(await found(`run=${other.id}&trace_id=${tree.trace_id}`)).toEqual([]);
    expect(await found(`run=${child}&trace_id=${tree.trace_id}`)).toEqual(below);
  });

  test("come in pages, newest first, none twice and none left out", async () => {
    const whole = await found(`trace_id=${tree.trace_id}`);
    const paged: Entry[] = [];
    for (let before = ""; paged.length < whole.length; before = `&before=${paged.at(-1)?.position}`) {
      const page = await found(`trace_id=${tree.trace_id}&limit=3${before}`);
      expect(page.length).toBeGreaterThan(0);
      paged.push(...page);
    }
    expect(paged).toEqual(whole);
    expect(await found(`trace_id=${tree.trace_id}&before=${paged.at(-1)?.position}`)).toEqual([]);
  });

  test("are shown to auditors alone, and to nobody of another organisation", async () => {
    const auditor = await withRole(organisation, "Auditor");
    const former = await withRole(organisation, "Auditor", "former");
    await expireBindingsOf(former);
    const stranger = await makeOrganisation("trail-other");
    for (const query of [`trace_id=${tree.trace_id}`, `run=${tree.id}`]) {
      expect(await found(query, auditor)).not.toEqual([]);
      for (const person of [bob, eve, former])
        expect(await call(person, "GET", `/audit?${query}`)).toMatchObject({
          status: 403,
          body: { missing: { permission: "audit:read", ou: organisation.root } },
        });
      expect(await found(query, stranger.admin)).toEqual([]);
    }
  });

  test.each([
    ["trace_id=", "/trace_id", "32 hexadecimal digits"],
    ["trace_id=4BF92F3577B34DA6A3CE929D0E0E4736", "/trace_id", "small letters"],
    ["trace_id=4bf92f35", "/trace_id", "32 hexadecimal digits"],
    ["trace_id=%27%20or%20true", "/trace_id", "32 hexadecimal digits"],
    ["run=", "/run", "UUID"],
    ["run=main", "/run", "UUID"],
  ])("are not looked for by %j, and the answer says why", async (query, pointer, why) => {
    const { status, headers, body } = await call(organisation.admin, "GET", `/audit?${query}`);
    expect({ status, type: headers.get("content-type") }).toMatchObject({
      status: 422,
      type: expect.stringContaining("application/problem+json"),
    });
    expect(body).toMatchObject({ errors: [{ pointer, detail: expect.stringContaining(why) }] });
  });

  test("of a run and a trace that do not exist are none", async () => {
    expect(await found(`run=${organisation.organisationId}`)).toEqual([]);
    expect(await found(`trace_id=${"f".repeat(32)}`)).toEqual([]);
  });

  test("are found by the index, however long the trail is", async () => {
    const plan = await inOrganisation(organisation.organisationId, async (tx) => {
      await tx.run("set local enable_seqscan = off");
      return tx.rows<Record<string, string>>(
        "explain select position from control_plane_audit where trace_id = $1 order by position desc limit 50",
        [tree.trace_id],
      );
    });
    expect(plan.map((line) => line["QUERY PLAN"]).join("\n")).toContain("control_plane_audit_trace");
  });
});
