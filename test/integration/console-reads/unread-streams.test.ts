import { connect } from "node:net";
import { expect, test } from "vitest";
import { query } from "../../support/database.ts";
import { eventually, makeOrganisation, sharedStack } from "../../support/organisation.ts";
import { startOwnApi } from "../../support/own-api.ts";

test("a client that never reads a run's stream is cut off after 30 s, and nothing is heard for it any more", async () => {
  const api = await startOwnApi({ POWERLOOM_MODE: "dev", POWERLOOM_API_URL: sharedStack().apiUrl });
  try {
    const { admin, root } = await makeOrganisation("unread");
    const { id } = await admin.make<{ id: string }>("/runs", { task: "Look.", ou: root });
    await query(
      `insert into run_events (organisation_id, root_run_id, run_id, position, origin, type, payload)
       select organisation_id, id, id, 100000 + n, 'n' || n, 'run_step', jsonb_build_object('words', repeat('x', 8000))
         from agent_runs, generate_series(1, 3000) n where id = $1`,
      [id],
    );
    const { notifications } = api.deps;
    let heard = 0;
    const hear: typeof notifications.hear = (...args) => {
      heard += 1;
      const stop = notifications.hear(...args);
      return () => {
        heard -= 1;
        stop();
      };
    };
    const hearWords: typeof notifications.hearWords = (...args) => {
      heard += 1;
      const words = notifications.hearWords(...args);
      return {
        ...words,
        stop: () => {
          heard -= 1;
          words.stop();
        },
      };
    };
    api.deps.notifications = { hear, hearWords, close: () => notifications.close() };
    const socket = connect(Number(new URL(api.url).port), "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(`GET /runs/${id}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${admin.token}\r\n\r\n`);
    await eventually(async () => (heard === 2 ? true : undefined), "the stream is open");
    // There is more than sockets hold by themselves: at some moment it stands still, and from then on time counts.
    let later = 0;
    await eventually(async () => {
      later += 31;
      api.shiftClock(later);
      return heard === 0 ? true : undefined;
    }, "nothing is heard for it");
    let told = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      told += text;
    });
    await new Promise((resolve) => socket.once("close", resolve));
    // Cut off in the middle: it was not told of the end.
    expect(told).not.toContain("event: end");
  } finally {
    await api.close();
  }
});
