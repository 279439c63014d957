import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { wordRelay } from "../../activities/word-relay.ts";

const about = { session: "0198c2f4-6f7e-7c3a-9d55-00000000000a", event_id: "sevt_1" };

let sent: string[];
const notify = async (payload: string) => {
  sent.push(payload);
};
const words = () => sent.map((payload) => JSON.parse(payload) as { at: number; text: string });
const later = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  sent = [];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("words are passed on as they come", () => {
  test("together, not more than once in 50 ms, each with its place", async () => {
    const relay = wordRelay(notify, about);
    for (const piece of ["One ", "two ", ""]) relay.text(piece);
    await later(49);
    expect(sent).toEqual([]);
    await later(1);
    expect(sent).toEqual([JSON.stringify({ ...about, at: 0, text: "One two " })]);
    relay.text("three");
    await later(50);
    expect(words()[1]).toMatchObject({ at: 8, text: "three" });
    await later(1_000);
    expect(sent).toHaveLength(2);
  });

  test("many at once in several notifications, none longer than PostgreSQL takes", async () => {
    const relay = wordRelay(notify, about);
    // What JSON makes longest: six bytes of one.
    const text = "\u0001".repeat(5_000);
    relay.text(text);
    await later(50);
    expect(sent).toHaveLength(1);
    await later(1_000);
    expect(
      words()
        .map(({ text }) => text)
        .join(""),
    ).toBe(text);
    for (const payload of sent) expect(Buffer.byteLength(payload)).toBeLessThan(8_000);
    expect(words().map(({ at }) => at)).toEqual([0, 1_200, 2_400, 3_600, 4_800]);
  });

  test("the rest when it is closed, and nothing after that", async () => {
    const relay = wordRelay(notify, about);
    relay.text("a".repeat(1_500));
    relay.close();
    await later(0);
    expect(words().map(({ text }) => text.length)).toEqual([1_200, 300]);
    relay.close();
    await later(1_000);
    expect(sent).toHaveLength(2);
  });

  test("in their order, however long one notification takes, and on after one that fails", async () => {
    let go = () => {};
    const relay = wordRelay(async (payload) => {
      if (sent.length === 0) await new Promise<void>((resolve) => (go = resolve));
      sent.push(payload);
      if (sent.length === 1) throw new Error("the database is away");
    }, about);
    relay.text("first");
    await later(50);
    relay.text("second");
    await later(500);
    expect(sent).toEqual([]);
    go();
    await later(0);
    expect(words().map(({ text }) => text)).toEqual(["first", "second"]);
  });
});
