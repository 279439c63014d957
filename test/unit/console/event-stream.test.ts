import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { followEvents } from "../../../console/wire/event-stream.ts";

let server: Server;
let origin: string;
/** What was asked for, in this order, and how it can be answered. */
let asked: { url: string; answer: ServerResponse }[];
let arrival: () => void;

beforeEach(async () => {
  asked = [];
  arrival = () => undefined;
  server = createServer((request, answer) => {
    asked.push({ url: request.url ?? "", answer });
    arrival();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** The request with this number, when it has come. */
async function request(number: number): Promise<(typeof asked)[number]> {
  while (asked.length < number)
    await new Promise<void>((resolve) => {
      arrival = resolve;
    });
  return asked[number - 1] as (typeof asked)[number];
}

function start(answer: ServerResponse, text: string): void {
  answer.writeHead(200, { "Content-Type": "text/event-stream" });
  answer.write(text);
}

test("a stream that says nothing any more is opened again behind the last event", async () => {
  const stop = new AbortController();
  const heard: string[] = [];
  const states: string[] = [];
  const following = followEvents({
    url: (after) => `${origin}/events${after === undefined ? "" : `?after=${after}`}`,
    onEvent: ({ data }) => heard.push(data),
    onState: (state) => states.push(state),
    signal: stop.signal,
    silentMs: 300,
  });
  // It goes on saying that it is there, then no more; and it never closes.
  const first = await request(1);
  start(first.answer, ": connected\n\nid: 7\nevent: a\ndata: one\n\n");
  const beat = setInterval(() => first.answer.write(": still here\n\n"), 50);
  await new Promise<void>((resolve) => {
    setTimeout(resolve, 700);
  });
  expect(asked).toHaveLength(1);
  clearInterval(beat);
  const second = await request(2);
  expect(second.url).toBe("/events?after=7");
  // One that never answers at all is no better.
  const third = await request(3);
  start(third.answer, "id: 8\nevent: a\ndata: two\n\n");
  while (heard.length < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toEqual(["one", "two"]);
  expect(states).toEqual(["open", "broken", "broken", "open"]);
  stop.abort();
  await following;
});
