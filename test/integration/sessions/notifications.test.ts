import pino from "pino";
import { expect, test } from "vitest";
import { listenToDatabase } from "../../../api/notifications.ts";
import { asSuperuser } from "../../support/database.ts";
import { eventually, sharedStack } from "../../support/organisation.ts";

test("whoever hears what is stored is woken when the connection was lost and is back", async () => {
  const notifications = listenToDatabase(sharedStack().databaseUrl, pino({ level: "silent" }));
  const heard = { kept: 0, stopped: 0 };
  const stops = [
    notifications.hear("outcomes", "one", () => {
      heard.kept += 1;
    }),
    notifications.hear("outcomes", "two", () => {
      heard.stopped += 1;
    }),
  ];
  const listening = () =>
    asSuperuser(async (sql) => {
      const { rows } = await sql.query<{ pid: number }>(
        "select pid from pg_stat_activity where application_name = 'powerloom-listen' and query like '%listen%'",
      );
      return rows.map(({ pid }) => pid);
    });
  try {
    await eventually(async () => (heard.stopped > 0 ? true : undefined), "it is connected");
    stops[1]?.();
    const before = { ...heard };
    for (const pid of await listening())
      await asSuperuser((sql) => sql.query("select pg_terminate_backend($1)", [pid]));
    await eventually(async () => (heard.kept > before.kept ? true : undefined), "it is woken");
    expect(heard.stopped).toBe(before.stopped);
    await asSuperuser((sql) => sql.query("select pg_notify('outcomes', 'one')"));
    await eventually(async () => (heard.kept > before.kept + 1 ? true : undefined), "it hears again");
  } finally {
    for (const stop of stops) stop();
    await notifications.close();
  }
});
