import type {
  MessageCreateParamsStreaming,
  MessageParam,
  TextBlockParam,
  Tool,
} from "@anthropic-ai/sdk/resources/messages";
import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import type { MessageRow, RunRow } from "../../db/queries/runs.ts";
import type { ToolSpec } from "../../tools/spec.ts";

export type ModelRequest = Omit<MessageCreateParamsStreaming, "stream">;

/**
 * One request to the model: the same prefix for every call of a thread (tools, system, what was said), with cache marks at
 * its end and at the end of what is said, so that the provider reads only what is new.
 */
export function buildRequest(
  run: Pick<RunRow, "model_id" | "role_id" | "agent_id" | "root_run_id">,
  definition: AgentDefinition,
  tools: readonly ToolSpec[],
  said: readonly MessageRow[],
  options: { maxOutputTokens: number; finalOnly: boolean },
): ModelRequest {
  const system: TextBlockParam[] = [
    {
      type: "text",
      text: `Powerloom run · role: ${run.role_id} · agent: ${run.agent_id}\n\n${definition.instructions}`,
      cache_control: { type: "ephemeral" },
    },
  ];
  return {
    model: run.model_id,
    max_tokens: options.maxOutputTokens,
    system,
    messages: markEnd(merge(said)),
    ...(tools.length === 0
      ? {}
      : {
          tools: tools.map((tool) => ({
            name: tool.name,
            description: tool.description,
            input_schema: tool.inputSchema as Tool.InputSchema,
          })),
          tool_choice: options.finalOnly ? { type: "none" } : { type: "auto" },
        }),
    output_config: {
      format: { type: "json_schema", schema: definition.output_schema },
      ...(definition.effort === undefined ? {} : { effort: definition.effort }),
    },
    metadata: { user_id: run.root_run_id },
  };
}

/** Turns of the same side become one, and results of tools come first in theirs: so the API wants it. */
function merge(said: readonly MessageRow[]): MessageParam[] {
  const turns: { role: "user" | "assistant"; content: Record<string, unknown>[] }[] = [];
  for (const { role, content } of said) {
    const last = turns.at(-1);
    if (last?.role === role) last.content.push(...content);
    else turns.push({ role, content: [...content] });
  }
  const isResult = (block: Record<string, unknown>) => block["type"] === "tool_result";
  return turns.map(({ role, content }) => ({
    role,
    content: [...content.filter(isResult), ...content.filter((block) => !isResult(block))] as never,
  }));
}

function markEnd(messages: MessageParam[]): MessageParam[] {
  const last = messages.at(-1);
  if (last === undefined || typeof last.content === "string") return messages;
  const block = last.content.at(-1);
  if (block === undefined || block.type === "thinking" || block.type === "redacted_thinking") return messages;
  const marked = { ...block, cache_control: { type: "ephemeral" } } as typeof block;
  return [
    ...messages.slice(0, -1),
    { role: last.role, content: [...last.content.slice(0, -1), marked] } as MessageParam,
  ];
}

/**
 * An upper bound of what a request's prompt can cost in tokens: no token is shorter than a byte, and each block has a few
 * of its own. Loose (about four times the truth), and free; when it does not fit, the provider is asked to count.
 */
export function promptBound(request: ModelRequest): number {
  const { messages, system, tools, output_config } = request;
  return (
    Buffer.byteLength(JSON.stringify({ messages, system, tools, output_config })) + aroundBlock * (messages.length + 2)
  );
}

/** What a block of a prompt costs at most beside its text. Tokens. */
export const aroundBlock = 64;

/** What a text costs at most as a block of a prompt: a token a byte, and a few for what is around it. */
export function mostTokens(text: string): number {
  return Buffer.byteLength(text) + aroundBlock;
}
