import type { RunRow } from "../../db/queries/runs.ts";

interface Call {
  run_id: string;
  step_id: string;
  agent: string;
  tool: string;
  /** Address of the MCP server whose tool it is. */
  server?: string;
  arguments: Record<string, unknown>;
  why: string;
}

/**
 * What an approver reads, in three forms. Arguments come from a model: they are quoted as data, never as markup.
 */
export function artifactsOf(
  run: Pick<RunRow, "requester_email" | "ou_path" | "input_summary" | "trace_id">,
  call: Call,
  request: { requestId: string; expiresAt: Date; digest: string },
): { markdown: string; html: string; json: Record<string, unknown> } {
  const facts: [string, string][] = [
    ["Request", request.requestId],
    ["Agent", call.agent],
    ["Tool", call.tool],
    ...(call.server === undefined ? [] : [["Server", call.server] as [string, string]]),
    ["For", run.requester_email],
    ["In", run.ou_path],
    ["Run", `${call.run_id}, step ${call.step_id}`],
    ["Task", run.input_summary],
    ["Why it asks", call.why],
    ["Expires", request.expiresAt.toISOString()],
    ["Digest", request.digest],
  ];
  const shown = JSON.stringify(call.arguments, null, 2);
  // A fence longer than any in the arguments: they cannot end it.
  const longest = Math.max(2, ...[...shown.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return {
    markdown: [
      `# May \`${call.tool}\` run?`,
      "",
      ...facts.map(([name, value]) => `- **${name}**: ${escapeMarkdown(value)}`),
      "",
      `${fence}json`,
      shown,
      fence,
      "",
    ].join("\n"),
    html: [
      `<article><h1>May <code>${escapeHtml(call.tool)}</code> run?</h1><dl>`,
      ...facts.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`),
      `</dl><pre>${escapeHtml(shown)}</pre></article>`,
    ].join(""),
    json: {
      ...call,
      request_id: request.requestId,
      expires_at: request.expiresAt.toISOString(),
      digest: request.digest,
    },
  };
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+!|<>~]/g, (character) => `\\${character}`).replaceAll("\n", " ");
}
