import { v7 } from "uuid";
import { beforeAll, describe, expect, test } from "vitest";
import { actions } from "../../../contracts/actions.ts";
import { delegableReads } from "../../../contracts/reads.ts";
import { runToolOperations } from "../../../contracts/run-tools.ts";
import type { Person } from "../../../demo/api.ts";
import { operations } from "../../../operations/registry.ts";
import { ask, exchangeBearer, exchangeUserToken } from "../../support/ask.ts";
import { asSuperuser, query } from "../../support/database.ts";
import { variant } from "../../support/everything.ts";
import { makeOrganisation, type TestOrganisation } from "../../support/organisation.ts";
import { armMind, talker } from "../../support/runs.ts";
import { synced } from "../../support/sessions.ts";
import { inOrganisation, stateOf } from "../governance/stage.ts";
import { type Answer, cellOf, dryRequest, send } from "./attempt.ts";
import { atMost, readGolden } from "./golden.ts";
import { ownIssuer } from "./issuers.ts";
import { callTool, toolCell, toolTrials } from "./mcp-calls.ts";
import { governed, nameOf, type Request, type Trial, trials } from "./trials.ts";
import { bindRow, furnish, openSession, type Target, theWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await theWorld();
});

/** What came of each, by name, all tried side by side. */
async function each<One>(all: readonly One[], name: (one: One) => string, body: (one: One) => Promise<unknown>) {
  const given: Record<string, unknown> = {};
  await atMost(
    8,
    all.map((one) => async () => {
      given[name(one)] = await body(one);
    }),
  );
  return given;
}

/** Operations of the tools of `powerloom_runs`: that server gets tokens for these, and the other one for no others. */
const ofRuns: ReadonlySet<string> = new Set(Object.values(runToolOperations));

/** What may be asked for with a token that names an agent, or a person's own client. */
const delegable: ReadonlySet<string> = new Set([
  ...operations.filter((operation) => operation.delegable).map(({ name }) => name),
  ...delegableReads,
  ...ofRuns,
]);

/** Everybody's that a person may do with their own alone, whatever their role. */
const ownAlone = new Set(["session.message", "run.message", "request.cancel"]);

describe("for every operation that there is,", () => {
  test("a token that has expired is refused with 401, and recorded", async () => {
    const { admin, organisationId } = world.home;
    const { principal_id: sub } = await admin.get<{ principal_id: string }>("/me");
    const now = Math.floor(Date.now() / 1000);
    const expired = await (await ownIssuer({ sub, org: organisationId })).sign({ iat: now - 61, exp: now - 1 });
    const [last] = await query<{ id: string }>("select coalesce(max(id), 0) as id from security_events");
    const paths: string[] = [];
    const given = await each(trials, nameOf, async (trial) => {
      const request = trial.request(world.targets.own, admin);
      paths.push(request.path.split("?")[0] ?? "");
      return (await send(expired, request)).status;
    });
    expect(given).toEqual(Object.fromEntries(trials.map((trial) => [nameOf(trial), 401])));
    const events = await query<{ path: string; reason: string }>(
      "select detail ->> 'path' as path, detail ->> 'reason' as reason from security_events where id > $1 and kind = 'invalid_token'",
      [last?.id],
    );
    expect(events.map(({ path }) => path).toSorted()).toEqual(paths.toSorted());
    expect(new Set(events.map(({ reason }) => reason.includes('"exp"')))).toEqual(new Set([true]));
  });

  test("who loses their roles is refused at the very next request, with the same token and through the same session", async () => {
    const { home, targets } = world;
    const person = await home.person("short-lived");
    const roles = ["OrgAdmin", "Approver"];
    await inOrganisation(home.organisationId, async (tx) => {
      for (const role of roles) await bindRow(tx, { role, ou: home.root, personId: person.id });
    });
    const { bearers } = await openSession(world, person.id);
    const byApi = () =>
      each(trials, nameOf, async (trial) =>
        cellOf(trial, await send(person.token, dryRequest(trial, targets.own, person)), targets.own),
      );
    const byTool = () =>
      each(
        toolTrials,
        ({ server, tool }) => `${server}: ${tool}`,
        async (trial) => toolCell(trial, await callTool(bearers[trial.server], trial, targets.own), targets.own),
      );
    const asNobody = async (file: string) =>
      new Map([...(await readGolden(file))].map(([row, cells]) => [row, cells.get("none")?.[0]]));
    const ownRuns = toolTrials.filter(({ tool, server }) => server === "runs" && tool !== "start_run");

    expect(await byApi()).toEqual(
      Object.fromEntries(trials.map((trial) => [nameOf(trial), ownAlone.has(trial.operation) ? "403" : "ok"])),
    );
    expect(await byTool()).toEqual({
      ...Object.fromEntries(toolTrials.map(({ server, tool }) => [`${server}: ${tool}`, "ok"])),
      // An agent sees its person's own runs alone.
      ...Object.fromEntries(ownRuns.map(({ tool, shows }) => [`runs: ${tool}`, shows === undefined ? "404" : "nil"])),
    });
    const { data } = await home.admin.get<{ data: { id: string }[] }>(`/bindings?user=${person.email}`);
    expect(data).toHaveLength(roles.length);
    for (const { id } of data) expect((await home.admin.send("DELETE", `/bindings/${id}`)).status).toBe(200);

    const [api, tools] = await Promise.all([asNobody("api.txt"), asNobody("tools.txt")]);
    expect(await byApi()).toEqual(Object.fromEntries(trials.map((trial) => [nameOf(trial), api.get(nameOf(trial))])));
    expect(await byTool()).toEqual(
      Object.fromEntries(
        toolTrials.map((one) => [`${one.server}: ${one.tool}`, tools.get(`${one.server}: ${one.tool}`)]),
      ),
    );
  });

  test("a token of a session that has ended is refused with 401: the same request as before", async () => {
    const emma = world.atOwn.OrgAdmin;
    const target = { ...world.targets.own, run: world.mine.OrgAdmin.run };
    const tried = trials.filter(({ operation, variant }) => variant === undefined && delegable.has(operation));
    expect(tried.map(({ operation }) => operation).toSorted()).toEqual([...delegable].toSorted());
    const { id, bearers } = await openSession(world, emma.id);
    const tokens = new Map<string, string>();
    for (const { operation } of tried) {
      const server = ofRuns.has(operation) ? "runs" : "meta";
      const { body } = await exchangeBearer(bearers[server], operation, undefined, `powerloom_${server}`);
      tokens.set(operation, String(body["access_token"]));
    }
    const outcome = () =>
      each(tried, nameOf, async (trial) =>
        cellOf(trial, await send(tokens.get(trial.operation) ?? "", dryRequest(trial, target, emma)), target),
      );
    expect(await outcome()).toEqual(Object.fromEntries(tried.map((trial) => [nameOf(trial), "ok"])));
    expect((await emma.send("POST", `/sessions/${id}/end`, {})).status).toBe(200);
    expect(await outcome()).toEqual(Object.fromEntries(tried.map((trial) => [nameOf(trial), "401"])));
  });

  // For agents, test/integration/identity/delegation.test.ts says nearly the same.
  test.each([...variant("agent"), "client"])(
    "a token that names an %s is refused where only a person may ask, and that is audited",
    async (actor) => {
      const emma = world.atRoot.OrgAdmin;
      const { id, bearers } = await openSession(world, emma.id);
      const act = actor === "agent" ? `agent:${world.hands.agent}` : "client:editor";
      // Signing out is for browsers: whoever comes by a token is told so.
      const tried = trials.filter(({ operation }) => !delegable.has(operation) && operation !== "sign_out");
      const given = await each(tried, nameOf, async (trial) => {
        // Named for the very operation, where it has a name that a token can have.
        const scope = trial.operation.includes(".") ? trial.operation : `${trial.operation}.it`;
        const { body } = await (actor === "agent"
          ? exchangeBearer(bearers.meta, scope)
          : exchangeUserToken(emma.token, scope, "editor"));
        const { status, text } = await send(String(body["access_token"]), trial.request(world.targets.own, emma));
        return [status, (JSON.parse(text) as { rule?: string }).rule];
      });
      expect(given).toEqual(Object.fromEntries(tried.map((trial) => [nameOf(trial), [403, "not-delegable"]])));
      const entries = await query<{ operation: string; session: string | null }>(
        `select entry ->> 'operation' as operation, entry ->> 'delegated_from_session' as session from control_plane_audit
        where organisation_id = $1 and entry ->> 'act' = $2 and entry ->> 'sub' = $3 and entry ->> 'rule' = 'not-delegable'`,
        [world.home.organisationId, act, emma.id],
      );
      expect(entries.map(({ operation }) => operation).toSorted()).toEqual(
        tried.map(({ operation }) => operation).toSorted(),
      );
      expect(new Set(entries.map(({ session }) => session))).toEqual(new Set([actor === "agent" ? id : null]));
    },
  );
});

describe("for every operation that changes something,", () => {
  const reading = new Set(["GET"]);
  const changing = trials.filter(
    ({ operation, variant, request }) =>
      variant === undefined && operation !== "sign_out" && !reading.has(request({} as Target, { email: "" }).method),
  );
  let organisation: TestOrganisation;
  let target: Target;
  let chief: Person;

  beforeAll(async () => {
    organisation = await makeOrganisation("workshop");
    target = await furnish(organisation, await organisation.ou(`${organisation.root}/workshop`), "workshop");
    await synced(organisation.admin, target.agent);
    const { root } = organisation;
    chief = await organisation.person("chief", {
      roles: [
        { role: "OrgAdmin", ou: root },
        { role: "Approver", ou: root },
      ],
    });
  });

  /** Where what is tried for the matrix would do nothing: the same for real, on what is going on. */
  const real: Record<string, () => Promise<Request>> = {
    "run.start": async () => {
      const models = await armMind(`workshop-${v7()}`, talker([{ text: "Thinking.", delay_ms: 30_000 }]));
      return { method: "POST", path: "/runs", body: { task: "Hello", ou: target.ou, agent: "planner", models } };
    },
    "approval.vote": async () => ({
      method: "POST",
      path: `/approvals/${target.approval}/votes`,
      body: { decision: "approve", digest: target.digest },
    }),
    "request.cancel": async () => {
      const asked = await ask(chief.token, "POST", "/groups", { name: "withdrawn", ou: target.heldOu });
      return { method: "POST", path: `/requests/${String(asked.body["id"])}/cancel`, body: {} };
    },
  };

  /** What these do is done once by its nature, whatever key comes with it. */
  const byNature = new Set([
    "agent.reconcile",
    "session.ticket",
    "session.end",
    "approval.vote",
    "request.cancel",
    "bootstrap",
  ]);
  /** Of a request without a body: another one with its key. */
  const another: Record<string, (request: Request) => Request> = {
    "session.message": (request) => ({ ...request, body: { text: "Something else" } }),
    "agent.invoke": (request) => ({ ...request, body: { prompt: "Something else" } }),
    "run.start": (request) => ({ ...request, body: { ...request.body, task: "Something else" } }),
    "run.message": (request) => ({ ...request, body: { text: "Something else" } }),
    "run.pause": (request) => ({ ...request, path: request.path.replace("pause", "resume") }),
    "run.resume": (request) => ({ ...request, path: request.path.replace("resume", "pause") }),
    "run.cancel": (request) => ({ ...request, body: { reason: "Something else" } }),
  };
  const statuses = new Map<string, number>([
    ...operations.map(({ name, http }) => [name, http.status] as const),
    ...actions.map(({ name, status }) => [name, status] as const),
    ["bootstrap", 200],
  ]);

  /** The answer without what is shown once, or made anew each time. */
  function lasting({ text }: Answer): unknown {
    const {
      secret: _s,
      introspection_secret: _i,
      websocket_url: _w,
      ...rest
    } = JSON.parse(text) as Record<string, unknown>;
    return rest;
  }

  test("whoever may not, changes nothing by asking for real", async () => {
    const nobody = await organisation.person("nobody");
    const before = await stateOf(organisation.organisationId);
    const refused: Record<string, number> = {};
    for (const trial of changing)
      refused[trial.operation] = (
        await send(nobody.token, trial.request(target, nobody), { "idempotency-key": v7() })
      ).status;
    expect(Object.values(refused).filter((status) => status !== 403 && status !== 404)).toEqual([]);
    expect(await stateOf(organisation.organisationId)).toBe(before);
  });

  test("whoever may, does it once: the same request again is the same answer, another with its key is refused", async () => {
    const given: Record<string, unknown> = {};
    const wanted: Record<string, unknown> = {};
    for (const trial of changing) {
      const { operation } = trial;
      const request = (await real[operation]?.()) ?? trial.request(target, chief);
      const headers = { "idempotency-key": v7() };
      const twice = async () =>
        [await send(chief.token, request, headers), await send(chief.token, request, headers)] as const;
      const [first, again] = await (operation === "run.start" ? beforeItBegins(twice) : twice());
      const other = await differing(trial, request, headers);
      given[operation] = [first.status, again.status, other];
      const status = statuses.get(operation);
      wanted[operation] = [
        status,
        status,
        byNature.has(operation) || operation === "session.interrupt" ? undefined : "idempotency_mismatch",
      ];
      if (first.status === status && !byNature.has(operation))
        expect([operation, lasting(again)]).toEqual([operation, lasting(first)]);
      const made = JSON.parse(first.text) as { session_id?: string; id?: string };
      if (operation === "agent.invoke") target = { ...target, session: made.session_id ?? "" };
      if (operation === "run.start") target = { ...target, run: made.id ?? "" };
    }
    expect(given).toEqual(wanted);
  }, 120_000);

  /** Runs are shown as they are by then: none of the organisation's begins meanwhile, since none can hold what it may spend. */
  function beforeItBegins<Result>(body: () => Promise<Result>): Promise<Result> {
    return asSuperuser(async (sql) => {
      await sql.query("begin");
      await sql.query("select from ou_budgets where organisation_id = $1 for update", [organisation.organisationId]);
      return await body();
    });
  }

  /** What becomes of another request with the same key. */
  async function differing(trial: Trial, request: Request, headers: Record<string, string>): Promise<unknown> {
    const { operation } = trial;
    const other = governed.has(operation)
      ? await send(chief.token, request, { ...headers, "if-match": '"999"' })
      : another[operation] && (await send(chief.token, another[operation](request), headers));
    return other && (JSON.parse(other.text) as { code?: string }).code;
  }
});
