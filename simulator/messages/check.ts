import { invalid, notFound } from "../http/errors.ts";
import { findModel } from "./models.ts";
import type { Block, CountRequest, MessageRequest } from "./request.ts";

const newestVersion = "2026-10-21";

/** Model ids that begin so are answered by scripted minds. */
export const mindPrefix = "mind-";

/** The rules that reach across fields of a message or count request. Throws the provider's refusal. */
export function checkRequest(request: CountRequest, version: string): void {
  if (request.thread !== undefined && request.thread !== null && request.thread !== false) {
    throw invalid("thread: this stand-in keeps no message threads", "thread_unsupported_request");
  }
  checkModel(request);
  checkTools(request);
  checkTurns(request.messages, version);
  checkCaching(request);
}

/** The rules for `POST /v1/messages` alone. */
export function checkMessageRequest(request: MessageRequest, version: string): void {
  if (version === newestVersion) {
    for (const name of ["temperature", "top_p", "top_k"] as const) {
      if (request[name] !== undefined) throw invalid(`${name}: sampling parameters are not accepted by this version`);
    }
  }
  checkRequest(request, version);
  if (request.thinking?.type === "enabled" && request.thinking.budget_tokens >= request.max_tokens) {
    throw invalid("`max_tokens` must be greater than `thinking.budget_tokens`.");
  }
}

function checkModel({ model, tool_choice }: CountRequest): void {
  if (model.startsWith(mindPrefix)) return;
  const known = findModel(model);
  if (known === undefined || known.lifecycle === "retired") throw notFound(`model: ${model}`);
  const forced = tool_choice?.type === "any" || tool_choice?.type === "tool";
  if (forced && known.refusesForcedTools) {
    throw invalid(`tool_choice: "${tool_choice.type}" is not supported by ${model}: use "auto" or "none"`);
  }
}

function checkTools({ tools = [], tool_choice }: CountRequest): void {
  const names = new Set<string>();
  for (const { name } of tools) {
    if (names.has(name)) throw invalid("tools: Tool names must be unique.");
    names.add(name);
  }
  if (tool_choice === undefined || tool_choice.type === "none") return;
  if (tools.length === 0) throw invalid("tool_choice: may only be specified while providing tools.");
  if (tool_choice.type === "tool" && !names.has(tool_choice.name)) {
    throw invalid(`tool_choice: Tool '${tool_choice.name}' not found in provided tools`);
  }
}

function checkTurns(messages: CountRequest["messages"], version: string): void {
  if (messages[0]?.role !== "user") throw invalid("messages: first message must use the user role");
  if (messages.at(-1)?.role === "assistant") {
    throw invalid("messages: the last message must use the user role; prefilling the answer is not supported");
  }
  const used = new Set<string>();
  let open: string[] = [];
  for (const [index, { role, content }] of messages.entries()) {
    if (content.length === 0) throw invalid(`messages.${index}: must have non-empty content`);
    checkBlocks(content, role, `messages.${index}`, version);
    answerCalls(content, open, index);
    open = content.flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
    for (const id of open) {
      if (used.has(id)) throw invalid(`messages.${index}: \`tool_use\` ids must be unique`);
      used.add(id);
    }
  }
}

function checkBlocks(content: Block[], role: string, at: string, version: string): void {
  for (const [index, block] of content.entries()) {
    const own: readonly Block["type"][] = role === "user" ? ["tool_result", "image"] : ["tool_use", "thinking"];
    const others: readonly Block["type"][] =
      role === "user" ? ["tool_use", "thinking", "redacted_thinking"] : ["tool_result", "image", "search_result"];
    if (!own.includes(block.type) && others.includes(block.type)) {
      throw invalid(`${at}.content.${index}: \`${block.type}\` blocks cannot be in ${role} messages`);
    }
    if (version !== newestVersion) continue;
    if (role === "assistant" && block.type === "document") {
      throw invalid(`${at}.content.${index}: document blocks are not accepted in assistant turns`);
    }
    if (role === "user" && block.type === "text" && (block.citations ?? []).length > 0) {
      throw invalid(`${at}.content.${index}.citations: not accepted on user text blocks`);
    }
  }
}

// A turn with tool_use is followed by a user turn that begins with one tool_result for each of them.
function answerCalls(content: Block[], open: string[], index: number): void {
  const answered: string[] = [];
  let over = false;
  for (const block of content) {
    if (block.type !== "tool_result") {
      over = true;
      continue;
    }
    if (over) throw invalid(`messages.${index}: \`tool_result\` blocks must come before other content`);
    if (!open.includes(block.tool_use_id)) {
      throw invalid(`messages.${index}: unexpected \`tool_use_id\` in \`tool_result\`: ${block.tool_use_id}`);
    }
    if (answered.includes(block.tool_use_id)) {
      throw invalid(`messages.${index}: each \`tool_use\` must have a single result: ${block.tool_use_id}`);
    }
    answered.push(block.tool_use_id);
  }
  const missing = open.filter((id) => !answered.includes(id));
  if (missing.length > 0) {
    throw invalid(
      `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(", ")}`,
    );
  }
}

function checkCaching({ tools = [], system = [], messages, cache_control }: CountRequest): void {
  const blocks: object[] = [...tools, ...system, ...messages.flatMap(({ content }) => content)];
  const marked = blocks.map((block) => ("cache_control" in block ? block.cache_control : undefined));
  const marks = [...marked, cache_control].filter((mark) => mark !== undefined);
  if (marks.length > 4) {
    throw invalid(`A maximum of 4 blocks with cache_control may be provided. Found ${marks.length}.`);
  }
  const ttls = marks.map((mark) => (mark as { ttl: string }).ttl);
  if (ttls.some((ttl, at) => ttl === "1h" && ttls.slice(0, at).includes("5m"))) {
    throw invalid("cache_control: a ttl='1h' block must not come after a ttl='5m' block");
  }
}
