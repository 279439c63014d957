import { expect, test } from "vitest";
import { type Person, signIn } from "../../../demo/api.ts";
import { eventsOf, heardAfter } from "../../integration/conversations/conversation.ts";
import { diceOf, purposes } from "../../integration/conversations/pools.ts";
import { type Scene, setScene } from "../../integration/conversations/scene.ts";
import { auditAfter, auditHead } from "../../integration/conversations/witness.ts";
import { variant } from "../../support/everything.ts";
import { eventually, makeOrganisation, testSeed } from "../../support/organisation.ts";
import { type Stage, stopwatch } from "../stage.ts";

const dice = diceOf(testSeed());

interface Request {
  id: string;
  status: string;
  result: { id: string } | null;
}
const settled = (person: Person, id: string) =>
  eventually(
    async () => {
      const request = await person.get<Request>(`/requests/${id}`).catch(() => undefined);
      return request === undefined || ["received", "pending_approval"].includes(request.status) ? undefined : request;
    },
    `request ${id} is decided`,
    30_000,
  );

const urlsOf = ({ stack }: Stage) => ({ apiUrl: stack.apiUrl, databaseUrl: stack.databaseUrl });

/** While no worker runs; leaves one running. */
export function withoutWorker(stage: () => Stage): void {
  test.each(variant("POST /agents without a worker is 202, keeps its key, and is applied once when a worker comes"))(
    "%s",
    async () => {
      const { admin, root, organisationId } = await makeOrganisation("idle", urlsOf(stage()));
      const key = { "Idempotency-Key": "once" };
      const since = stopwatch();
      const response = await fetch(`${stage().stack.apiUrl}/agents`, {
        method: "POST",
        headers: { Authorization: `Bearer ${admin.token}`, "Content-Type": "application/json", ...key },
        body: JSON.stringify({ name: "patient", ou: root }),
      });
      const answered = since();
      const body = (await response.json()) as Request;
      expect({ status: response.status, is: body.status, location: response.headers.get("location") }).toEqual({
        status: 202,
        is: "received",
        location: `/requests/${body.id}`,
      });
      const repeated = await admin.send("POST", "/agents", { name: "patient", ou: root }, key);
      expect([repeated.status, repeated.body["id"]]).toEqual([202, body.id]);
      expect(await stage().witness.agents(organisationId)).toEqual([]);

      const started = stopwatch();
      await stage().stack.startPart("worker");
      const up = started();
      const request = await settled(admin, body.id);
      console.log(
        `without a worker: 202 after ${answered} s; applied ${Math.round((started() - up) * 100) / 100} s after the worker came`,
      );
      expect(request.status).toBe("applied");
      const agents = await stage().witness.agents(organisationId);
      expect(agents.map(({ id }) => id)).toEqual([request.result?.id]);
      const trail = await auditAfter(admin, 0);
      expect(trail.filter(({ operation }) => operation === "agent.create").map(({ outcome }) => outcome)).toEqual([
        "applied",
      ]);
      const after = await admin.send("POST", "/agents", { name: "patient", ou: root }, key);
      expect([after.status, after.body["id"]]).toEqual([201, request.result?.id]);
      await stage().witness.synced(organisationId, agents[0]?.id ?? "");
      expect(await stage().witness.atProvider(agents[0]?.id ?? "")).toHaveLength(1);
    },
  );
}

/** Everything goes, and comes back. */
export function wholeStackRestart(stage: () => Stage): void {
  test.each(
    variant(
      "a whole stack that is stopped while an approval waits starts again, and the approved change is applied once",
    ),
  )("%s", async () => {
    const scene: Scene = await setScene(dice, urlsOf(stage()));
    const { organisation, builder, approver, guarded, metaAgentId } = scene;
    const { organisationId } = organisation;
    const [server] = dice.draw(scene.servers, 1);
    const owner = dice.pick(scene.people);
    const [purpose] = dice.pick(purposes.filter(([, topic]) => topic === undefined));
    // One asked for over REST, one in a conversation that stays open.
    const asked = await builder.send("POST", "/agents", { name: "by-rest", ou: guarded.path });
    expect(asked.status).toBe(202);
    const turn = await builder.make<{ session_id: string; final_message: string }>(`/agents/${metaAgentId}/invoke`, {
      prompt: `Create a ${purpose} agent in ${guarded.path} for ${owner.email} with ${server?.name} access.`,
      mode: "wait",
    });
    const requests = [String(asked.body["id"]), /`(req_\w+)`/.exec(turn.final_message)?.[1] ?? ""];
    const position = (await eventsOf(builder, turn.session_id)).at(-1)?.position ?? 0;
    const before = new Set((await stage().witness.agents(organisationId)).map(({ id }) => id));
    const head = await auditHead(organisation.admin);

    const since = stopwatch();
    await stage().restart();
    const up = since();
    const [second, requester, auditor] = (await Promise.all(
      [approver, builder, organisation.admin].map(({ email }) => signIn(stage().stack.apiUrl, email)),
    )) as [Person, Person, Person];
    for (const id of requests) {
      const { digest } = await second.get<{ digest: string }>(`/approvals/${id}`);
      expect((await second.send("POST", `/approvals/${id}/votes`, { decision: "approve", digest })).status).toBe(200);
    }
    const decided = await Promise.all(requests.map((id) => settled(requester, id)));
    const applied = since();
    expect(decided.map(({ status }) => status)).toEqual(["applied", "applied"]);
    const told = await heardAfter(requester, turn.session_id, position, (text) => text.includes(requests[1] ?? "?"));
    console.log(
      `whole stack stopped and started in ${up} s; both approvals applied ${Math.round((applied - up) * 100) / 100} s later; the conversation finished its wiring`,
    );

    const made = (await stage().witness.agents(organisationId)).filter(({ id }) => !before.has(id));
    expect(made.map(({ id }) => id).sort()).toEqual(decided.map(({ result }) => result?.id ?? "").sort());
    const wired = made.find(({ name }) => name !== "by-rest");
    expect(wired).toMatchObject({ owner: owner.email, servers: [server?.name], credentials: [server?.name] });
    expect(told.final).toContain(`/agents/${wired?.id}/invoke`);
    for (const { id } of made) {
      await stage().witness.synced(organisationId, id);
      expect(await stage().witness.atProvider(id)).toHaveLength(1);
    }
    const trail = await auditAfter(auditor, head);
    expect(trail.map(({ operation, outcome }) => `${operation} ${outcome}`).sort()).toEqual([
      "agent.attach_mcp_server applied",
      "agent.create applied",
      "agent.create applied",
      "approval.vote voted",
      "approval.vote voted",
      "credential.create applied",
    ]);
    expect(await auditor.get("/audit/verify")).toMatchObject({ intact: true });
  });
}
