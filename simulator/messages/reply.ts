import { z } from "zod";

/** What a mind answers. `output` is the structured final answer; the rest becomes blocks in this order. */
export const replySchema = z.strictObject({
  thinking: z.string().optional(),
  text: z.string().optional(),
  tool_uses: z.array(z.strictObject({ name: z.string().min(1), input: z.unknown().optional() })).optional(),
  output: z.unknown().optional(),
  stop_reason: z
    .enum([
      "end_turn",
      "max_tokens",
      "stop_sequence",
      "tool_use",
      "pause_turn",
      "refusal",
      "model_context_window_exceeded",
    ])
    .optional(),
  /** Replaces the counted numbers. */
  usage: z
    .strictObject({
      input_tokens: z.int().nonnegative(),
      output_tokens: z.int().nonnegative(),
      cache_read_input_tokens: z.int().nonnegative(),
      cache_creation_input_tokens: z.int().nonnegative(),
    })
    .partial()
    .optional(),
  delay_ms: z.int().nonnegative().optional(),
  /** Answers with this error instead. */
  status: z.literal([400, 401, 403, 404, 413, 429, 500, 529]).optional(),
  /** Sends text that breaks the requested schema, as a refusal can. */
  raw: z.boolean().optional(),
});

export type Reply = z.output<typeof replySchema>;
