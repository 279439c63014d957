import { connect, type Socket } from "node:net";
import type { Case, Scene } from "./scene.ts";

/** The status line of what a server answers to bytes sent as they are, or what happened to the connection. */
export function onTheWire(url: string, bytes: string, patienceMs = 10_000): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let heard = "";
    const socket = connect(Number(port), hostname, () => socket.write(bytes, "latin1"));
    const done = (end: string) => {
      clearTimeout(timer);
      socket.destroy();
      const statuses = [...heard.matchAll(/^HTTP\/1\.1 (\d{3} [^\r\n]*)/gm)].map(([, status]) => status);
      resolve(statuses.length === 0 ? end : statuses.join(", then "));
    };
    // Whoever is answered and not let go of: what comes after this long is no answer to what was sent.
    const timer = setTimeout(() => done("nothing, and the connection stays open"), patienceMs);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      heard += text;
    });
    socket.on("close", () => done("closed without an answer"));
    socket.on("error", () => done("closed without an answer"));
  });
}

/** How long until a server lets go of a connection that is fed a byte now and then, in seconds. */
function secondsUntilClosed(url: string, start: string, drip: string, atMostMs: number): Promise<number> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const began = performance.now();
    const socket: Socket = connect(Number(port), hostname, () => socket.write(start, "latin1"));
    const dripping = setInterval(() => socket.write(drip, "latin1"), 500);
    const done = () => {
      clearInterval(dripping);
      clearTimeout(late);
      socket.destroy();
      resolve((performance.now() - began) / 1000);
    };
    const late = setTimeout(done, atMostMs);
    socket.resume();
    socket.on("close", done);
    socket.on("error", () => undefined);
  });
}

const raw =
  (lines: string[], body = "") =>
  ({ arena, token }: Scene) =>
    onTheWire(
      arena.apiUrl,
      `${lines.join("\r\n").replaceAll("<host>", new URL(arena.apiUrl).host).replaceAll("<token>", token)}\r\n\r\n${body}`,
    );
const host = "Host: <host>";
const auth = "Authorization: Bearer <token>";
const smuggled = "GET /me HTTP/1.1\r\nHost: x\r\n\r\n";

/** One answer, and it is a refusal: a second one would be to a request that was smuggled in. */
const refused = /^4\d\d [A-Z][\w -]*$/;

export const wire: Case[] = [
  {
    what: "Content-Length and Transfer-Encoding, the first one right (CL.TE)",
    attempt: raw(
      ["POST /agents HTTP/1.1", host, auth, "Content-Length: 6", "Transfer-Encoding: chunked"],
      `0\r\n\r\n${smuggled}`,
    ),
    answer: refused,
  },
  {
    what: "Transfer-Encoding and Content-Length, the first one right (TE.CL)",
    attempt: raw(
      ["POST /agents HTTP/1.1", host, auth, "Transfer-Encoding: chunked", "Content-Length: 4"],
      `1\r\nx\r\n0\r\n\r\n${smuggled}`,
    ),
    answer: refused,
  },
  {
    what: "a Transfer-Encoding that only some understand (TE.TE)",
    attempt: raw(
      ["POST /agents HTTP/1.1", host, auth, "Transfer-Encoding: chunked, identity", "Content-Length: 4"],
      `0\r\n\r\n${smuggled}`,
    ),
    answer: refused,
  },
  {
    what: "two Content-Lengths that differ",
    attempt: raw(["POST /agents HTTP/1.1", host, auth, "Content-Length: 0", "Content-Length: 30"], smuggled),
    answer: refused,
  },
  {
    what: "a Content-Length that is no number",
    attempt: raw(["POST /agents HTTP/1.1", host, auth, "Content-Length: +5"], "12345"),
    answer: refused,
  },
  {
    what: "a chunk whose size is no number",
    attempt: raw(["POST /agents HTTP/1.1", host, auth, "Transfer-Encoding: chunked"], "zz\r\nx\r\n0\r\n\r\n"),
    answer: refused,
  },
  {
    what: "a header continued on the next line (obs-fold)",
    attempt: raw(["GET /me HTTP/1.1", host, "X-A: 1", " folded: 2", auth]),
    answer: refused,
  },
  {
    what: "white space before the colon of a header",
    attempt: raw(["GET /me HTTP/1.1", host, "Content-Length : 5", auth]),
    answer: refused,
  },
  {
    what: "NUL in a header",
    attempt: raw(["GET /me HTTP/1.1", host, "X-A: a\0b", auth]),
    answer: refused,
  },
  {
    what: "a bare carriage return in a header",
    attempt: raw(["GET /me HTTP/1.1", host, "X-A: a\rX-B: b", auth]),
    answer: refused,
  },
  { what: "no Host", attempt: raw(["GET /me HTTP/1.1", auth, "Connection: close"]), answer: refused },
  {
    what: "headers of 64 kB",
    attempt: raw(["GET /me HTTP/1.1", host, `X-A: ${"a".repeat(65_536)}`]),
    answer: /^431 /,
  },
  {
    what: "5,000 headers",
    attempt: raw(["GET /me HTTP/1.1", host, ...Array.from({ length: 5_000 }, (_, at) => `X-${at}: 1`)]),
    answer: /^(431|400) /,
  },
  { what: "a method that does not exist", attempt: raw(["STEAL /me HTTP/1.1", host, auth]), answer: refused },
  {
    what: "CONNECT",
    attempt: raw(["CONNECT example.com:443 HTTP/1.1", host]),
    answer: /^(4\d\d .*|closed without an answer)$/,
  },
  {
    what: "HTTP/2 without asking",
    attempt: ({ arena }) => onTheWire(arena.apiUrl, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    answer: /^(400 .*|closed without an answer)$/,
  },
  {
    what: "TLS",
    attempt: ({ arena }) => onTheWire(arena.apiUrl, "\x16\x03\x01\x02\x00\x01\x00"),
    answer: /^(400 .*|closed.*)$/,
  },
];

const slow =
  (url: (scene: Scene) => string, start: string, drip: string, bound: number) =>
  async (scene: Scene): Promise<string> => {
    const target = url(scene);
    const text = start.replaceAll("<host>", new URL(target).host).replaceAll("<token>", scene.token);
    const seconds = await secondsUntilClosed(target, text, drip, (bound + 20) * 1_000);
    return seconds <= bound ? `closed within ${bound} s` : `still open after ${Math.round(seconds)} s`;
  };

/** Each takes as long as it says, so they run beside everything else. */
export const slowClients: Case[] = [
  {
    what: "headers a byte at a time, to the API",
    attempt: slow(({ arena }) => arena.apiUrl, "GET /me HTTP/1.1\r\nHost: <host>\r\nX-A: ", "a", 15),
    answer: /^closed within/,
    long: "takes a quarter of a minute",
  },
  {
    what: "headers a byte at a time, to the MCP server",
    attempt: slow(({ arena }) => arena.mcpUrl, "GET /mcp HTTP/1.1\r\nHost: <host>\r\nX-A: ", "a", 15),
    answer: /^closed within/,
    long: "takes a quarter of a minute",
  },
  {
    what: "a body a byte at a time, to the API",
    attempt: slow(
      ({ arena }) => arena.apiUrl,
      "POST /agents HTTP/1.1\r\nHost: <host>\r\nAuthorization: Bearer <token>\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
      " ",
      65,
    ),
    answer: /^closed within/,
    long: "takes a minute",
  },
];
