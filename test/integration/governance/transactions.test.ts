import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { beforeAll, describe, expect, test } from "vitest";
import { wordRelay } from "../../../activities/word-relay.ts";
import { listenToDatabase } from "../../../api/notifications.ts";
import type { Tx } from "../../../db/database.ts";
import { asSuperuser } from "../../support/database.ts";
import { eventually, makeOrganisation, sharedStack, type TestOrganisation } from "../../support/organisation.ts";
import { asApplication, inOrganisation } from "./stage.ts";

let organisation: TestOrganisation;
let other: TestOrganisation;
beforeAll(async () => {
  organisation = await makeOrganisation("tx");
  other = await makeOrganisation("tx-other");
});

const visible = "select count(distinct organisation_id)::int as seen, min(organisation_id::text) as id from users";

describe("a transaction in an organisation", () => {
  test("whose statement failed is not taken for committed, even when the failure was swallowed", async () => {
    const swallowed = inOrganisation(organisation.organisationId, async (tx) => {
      await tx.run("update users set display_name = 'Changed'");
      await tx.run("select 1 / 0").catch(() => undefined);
      return "done";
    });
    await expect(swallowed).rejects.toThrow("had failed before its commit");
    const { admin } = organisation;
    expect(await admin.get<{ data: { display_name: string }[] }>("/users")).not.toMatchObject({
      data: expect.arrayContaining([expect.objectContaining({ display_name: "Changed" })]),
    });
  });

  test("fails when the statement sent with its commit fails, and leaves nothing", async () => {
    const failing = inOrganisation(organisation.organisationId, async (tx) => {
      await tx.run("update users set display_name = 'Changed too'");
      tx.atCommit("select audit_append($1)", ["not json"]);
    });
    await expect(failing).rejects.toMatchObject({ code: "22P02" });
    const rows = await inOrganisation(organisation.organisationId, (tx) =>
      tx.rows("select from users where display_name = 'Changed too'"),
    );
    expect(rows).toEqual([]);
  });

  test("fails with what was wrong in a statement that was sent without waiting, and leaves nothing", async () => {
    const rename = "update users set display_name = 'Changed, sent'";
    const atItsEnd = inOrganisation(organisation.organisationId, (tx) => {
      tx.send(rename, []);
      tx.send("select 1 / 0", []);
    });
    await expect(atItsEnd).rejects.toMatchObject({ code: "22012" });
    const asked = inOrganisation(organisation.organisationId, async (tx) => {
      tx.send(rename, []);
      tx.send("select 1 / 0", []);
      // Fails because of the one before: "current transaction is aborted" would say nothing.
      await tx.rows("select 1");
    });
    await expect(asked).rejects.toMatchObject({ code: "22012" });
    const before = inOrganisation(organisation.organisationId, async (tx) => {
      const failing = tx.rows("select 1 / 0");
      tx.send(rename, []);
      await failing;
    });
    await expect(before).rejects.toMatchObject({ code: "22012" });
    const inStep = inOrganisation(organisation.organisationId, (tx) =>
      tx.savepoint(async () => {
        tx.send("select 1 / 0", []);
        await tx.rows("select 1");
      }),
    );
    await expect(inStep).rejects.toMatchObject({ code: "22012" });
    const rows = await inOrganisation(organisation.organisationId, (tx) =>
      tx.rows("select from users where display_name = 'Changed, sent'"),
    );
    expect(rows).toEqual([]);
  });

  test("runs what was sent before what is asked after it, and forgets it with its savepoint", async () => {
    const seen = await inOrganisation(organisation.organisationId, async (tx) => {
      const named = () => tx.maybe<{ names: number }>("select count(distinct display_name)::int as names from users");
      await tx
        .savepoint(async () => {
          tx.send("select 1 / 0", []);
          await tx.rows("select 1");
        })
        .catch(() => undefined);
      tx.send("update users set display_name = 'One name'", []);
      const after = await named();
      await tx
        .savepoint(() => {
          tx.send("update users set display_name = email", []);
          throw new Error("given up");
        })
        .catch(() => undefined);
      return [after?.names, (await named())?.names];
    });
    expect(seen).toEqual([1, 1]);
  });

  test("takes no statement after its end: it would run in somebody else's", async () => {
    let kept: Tx | undefined;
    await inOrganisation(organisation.organisationId, (tx) => {
      kept = tx;
    });
    await expect(kept?.rows("select 1")).rejects.toThrow("the transaction is over");
  });

  test("that only reads is refused changes by PostgreSQL", async () => {
    const writing = asApplication((db) =>
      db.readOrganisation(organisation.organisationId, (sql) => sql.run("update users set display_name = 'x'")),
    );
    await expect(writing).rejects.toMatchObject({ code: "25006" });
  });

  test("never sees another's rows, also when hundreds share few connections and some of them fail", async () => {
    const seen = await asApplication((db) =>
      Promise.all(
        Array.from({ length: 400 }, async (_, index) => {
          const { organisationId } = index % 2 === 0 ? organisation : other;
          const read = async (sql: Pick<Tx, "maybe" | "run">) => {
            const row = await sql.maybe<{ seen: number; id: string }>(visible);
            if (index % 7 === 0) await sql.run("select 1 / 0");
            if (index % 11 === 0) throw new Error("given up");
            return row;
          };
          const row = await (index % 3 === 0
            ? db.readOrganisation(organisationId, read)
            : db.inOrganisation(organisationId, read)
          ).catch((error: unknown) => {
            if (index % 7 !== 0 && index % 11 !== 0) throw error;
            return { seen: 1, id: organisationId };
          });
          return row?.seen === 1 && row.id === organisationId;
        }),
      ),
    );
    expect(seen.filter((right) => !right)).toEqual([]);
  });
});

describe("hearing of what is stored", () => {
  test("reaches those who wait for this key, and goes on after the connection was cut", async () => {
    const notifications = listenToDatabase(sharedStack().databaseUrl, pino({ level: "silent" }));
    try {
      const heard = { mine: 0, others: 0 };
      const stop = notifications.hear("outcomes", "mine", () => {
        heard.mine += 1;
      });
      notifications.hear("outcomes", "other", () => {
        heard.others += 1;
      });
      const say = () => asApplication((db) => db.anywhere.run("select pg_notify('outcomes', 'mine')"));
      const untilHeard = async (what: string) => {
        const before = heard.mine;
        await eventually(async () => {
          await say();
          return heard.mine > before || undefined;
        }, what);
      };
      await untilHeard("a notification arrives");
      const connected = heard.others;
      await asSuperuser((sql) =>
        sql.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'powerloom-listen'"),
      );
      // Everybody, for what may have been missed.
      await eventually(async () => heard.others > connected || undefined, "all are woken after the cut");
      await untilHeard("a notification arrives after the cut");
      stop();
      const before = { ...heard };
      await say();
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(heard).toEqual(before);
    } finally {
      await notifications.close();
    }
  });

  test("brings words to those who wait for their run or session, and keeps so many for who does not take them", async () => {
    const notifications = listenToDatabase(sharedStack().databaseUrl, pino({ level: "silent" }));
    const [mine, other] = [randomUUID(), randomUUID()];
    const notify = (channel: string, payload: string) =>
      asApplication((db) => db.anywhere.run("select pg_notify($1, $2)", [channel, payload]));
    try {
      for (const [channel, about] of [
        ["run_tokens", { root: mine, run: other, thread: "main" }],
        ["session_words", { session: mine, event_id: "sevt_1" }],
      ] as const) {
        let told = 0;
        const words = notifications.hearWords(channel, mine, () => {
          told += 1;
        });
        const others = notifications.hearWords(channel, other, () => undefined);
        const relay = wordRelay((payload) => notify(channel, payload), about);
        await eventually(async () => {
          relay.text("words");
          return words.any() || undefined;
        }, "the connection listens");
        relay.close();
        const payload = JSON.parse(words.take()[0] ?? "") as Record<string, unknown>;
        expect(payload).toEqual({ ...about, at: expect.any(Number), text: expect.stringMatching(/^(words)+$/) });
        for (const strange of ["", "no JSON", JSON.stringify({ key: mine }), `{"session":"${other.slice(1)}"}`])
          await notify(channel, strange);
        await asApplication((db) =>
          db.anywhere.run("select pg_notify($1, $2 || n || '}') from generate_series(1, 600) n", [
            channel,
            JSON.stringify({ ...about, n: 0 }).slice(0, -2),
          ]),
        );
        // Notifications come in the order of their commits: with this one all others have come.
        expect(others.any()).toBe(false);
        await notify(channel, JSON.stringify({ [Object.keys(about)[0] ?? ""]: other }));
        await eventually(async () => others.any() || undefined, "the last has come");
        expect(told).toBeGreaterThanOrEqual(600);
        expect(words.take()).toHaveLength(500);
        expect(words.any()).toBe(false);
        words.stop();
        others.stop();
      }
    } finally {
      await notifications.close();
    }
  });
});
