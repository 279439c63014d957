import canonicalize from "canonicalize";
import type { CountRequest } from "./request.ts";

/** Added to every tool, block and setting, for what surrounds it in a prompt. */
const overhead = 4;
const charactersPerToken = 4;

/** A piece of the prompt in the order of the provider's cache: tools, system, messages. */
export interface Segment {
  canonical: string;
  tokens: number;
  /** How long a cache entry that ends here lives; undefined: no breakpoint. */
  ttl: "5m" | "1h" | undefined;
}

/** Tokens of a text: four characters each, rounded up. Invented, but growing with the text as real numbers do. */
export function textTokens(text: string): number {
  return Math.ceil(text.length / charactersPerToken);
}

/** How many characters fit into so many tokens. */
export function charactersFor(tokens: number): number {
  return tokens * charactersPerToken;
}

/** Cuts the prompt into its segments. What does not belong to the prompt (limits, metadata, streaming) is not counted. */
export function segments(request: CountRequest): Segment[] {
  const pieces: [prefix: string, part: object][] = [];
  const settings = {
    ...(request.output_config?.format == null ? {} : { format: request.output_config.format }),
    ...(request.tool_choice === undefined ? {} : { tool_choice: request.tool_choice }),
  };
  if (Object.keys(settings).length > 0) pieces.push(["settings", settings]);
  for (const tool of request.tools ?? []) pieces.push(["tool", tool]);
  for (const block of request.system ?? []) pieces.push(["system", block]);
  for (const { role, content } of request.messages) for (const block of content) pieces.push([role, block]);

  const last = pieces.length - 1;
  return pieces.map(([prefix, part], index) => {
    const { cache_control: mark, ...rest } = part as { cache_control?: { ttl: "5m" | "1h" } };
    const canonical = `${prefix} ${canonicalize(rest) ?? ""}`;
    const automatic = index === last ? request.cache_control?.ttl : undefined;
    return { canonical, tokens: textTokens(canonical) + overhead, ttl: mark?.ttl ?? automatic };
  });
}

/** Input tokens of a request: exactly what the usage of the same request adds up to. */
export function inputTokens(request: CountRequest): number {
  return segments(request).reduce((sum, { tokens }) => sum + tokens, 0);
}
