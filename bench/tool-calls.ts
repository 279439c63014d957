import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { unseal } from "../core/sealing.ts";
import { expectStatus } from "./http.ts";
import { type Finding, figure } from "./report.ts";
import { interleaved, type Summary, sequence, summarise } from "./samples.ts";
import type { Stage } from "./stage.ts";

/** What the way through the MCP server costs: list_agents as a tool, against the same GET. */
export async function measureToolCalls(stage: Stage, scale: number): Promise<Finding[]> {
  const bearer = await sessionBearer(stage);
  const client = new Client({ name: "bench", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
  const requestInit = { headers: { authorization: `Bearer ${bearer}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(stage.stack.mcpUrl), { requestInit }));
  const input = { ou: "/acme/sales" };
  const each = Math.max(10, Math.round(40 * scale));
  try {
    const [tool, direct] = (
      await interleaved(5, [
        () =>
          sequence(each, async () => {
            const answer = await client.callTool({ name: "list_agents", arguments: input });
            if (answer.isError === true) throw new Error(`list_agents failed: ${JSON.stringify(answer.content)}`);
          }),
        () => sequence(each, () => expectStatus(stage.asker("GET", "/agents?ou=%2Facme%2Fsales"), 200)),
      ])
    ).map((rounds) => summarise(rounds.flat())) as [Summary, Summary];
    return [
      {
        name: "MCP tool call over REST",
        measured: `tool p50 ${figure(tool.p50)}, p95 ${figure(tool.p95)} ms`,
        baseline: `GET p50 ${figure(direct.p50)}, p95 ${figure(direct.p95)} ms`,
        value: tool.p50 - direct.p50,
        unit: "ms",
        facts: { tool, direct, overhead: { p50: tool.p50 - direct.p50, p95: tool.p95 - direct.p95 } },
      },
    ];
  } finally {
    await client.close();
  }
}

/** The bearer of an open session with the meta-agent, from its sealed row, as the worker gives it to the vault. */
async function sessionBearer(stage: Stage): Promise<string> {
  const found = (await expectStatus(stage.asker("GET", "/agents?name=powerloom-meta"), 200)) as {
    data: { id: string }[];
  };
  await expectStatus(
    stage.asker("POST", `/agents/${found.data[0]?.id}/invoke`, {
      prompt: "What agents exist?",
      mode: "wait",
      wait_seconds: 30,
    }),
    201,
  );
  const { rows } = await stage.admin.query<{ sealed_bearer: string }>(
    "select sealed_bearer from session_bearers where revoked_at is null and sealed_bearer is not null order by created_at desc limit 1",
  );
  const key = Buffer.from(stage.stack.environment["POWERLOOM_SEALING_KEY"] ?? "", "base64url");
  const sealed = rows[0]?.sealed_bearer;
  if (sealed === undefined) throw new Error("no open session has a bearer");
  return unseal(key, sealed);
}
