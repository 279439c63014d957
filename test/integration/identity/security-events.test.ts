import { pino } from "pino";
import { expect, test } from "vitest";
import { recordSecurityEvent } from "../../../api/security-events.ts";
import type { Config } from "../../../config.ts";
import { openDatabase } from "../../../db/database.ts";
import { securityEvents } from "../../support/database.ts";
import { sharedStack } from "../../support/organisation.ts";

test("strangers cannot fill the table: beyond the limit of a minute they are only counted", async () => {
  const db = openDatabase(sharedStack().databaseUrl, { name: "powerloom-test", max: 4 });
  let at = Date.now();
  const deps = { db, log: pino({ level: "silent" }), now: () => new Date(at), config: { rateLimit: 5 } as Config };
  const kind = `flood-${at}`;
  try {
    await Promise.all(Array.from({ length: 40 }, () => recordSecurityEvent(deps, kind, { path: "/agents" })));
    expect(await securityEvents(kind)).toHaveLength(5);
    at += 61_000;
    await recordSecurityEvent(deps, kind, { path: "/agents" });
    expect(await securityEvents(kind)).toHaveLength(6);
    expect(await securityEvents("suppressed")).toContainEqual({ events: 35 });
  } finally {
    await db.close();
  }
});
