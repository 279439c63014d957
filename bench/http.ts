import { Agent, request } from "node:http";

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

export type Send = (method: "GET" | "POST" | "DELETE", path: string, body?: unknown) => Promise<Answer>;

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Requests over kept connections. node:http rather than fetch: it takes a third of the time of this process. */
export function sender(apiUrl: string, token: string): Send {
  const { hostname, port } = new URL(apiUrl);
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers: Record<string, string> = { authorization: `Bearer ${token}` };
      if (text !== undefined) {
        headers["content-type"] = "application/json";
        headers["content-length"] = String(Buffer.byteLength(text));
      }
      const outgoing = request({ hostname, port, method, path, agent, headers }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () => {
          const whole = Buffer.concat(chunks).toString("utf8");
          const parsed = whole === "" ? {} : (JSON.parse(whole) as Record<string, unknown>);
          resolve({ status: incoming.statusCode ?? 0, body: parsed });
        });
      });
      outgoing.on("error", reject);
      outgoing.end(text);
    });
}

/** Sends, and throws unless the answer has this status. */
export async function expectStatus(answer: Promise<Answer>, status: number): Promise<Record<string, unknown>> {
  const { status: got, body } = await answer;
  if (got !== status) throw new Error(`expected ${status}, got ${got}: ${JSON.stringify(body)}`);
  return body;
}

export function closeConnections(): void {
  agent.destroy();
}
