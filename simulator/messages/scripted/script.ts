import { z } from "zod";
import { mindPrefix } from "../check.ts";
import { replySchema } from "../reply.ts";

const pattern = z.string().refine(isPattern, "is not a regular expression");

const ruleSchema = z.strictObject({
  when: z
    .strictObject({
      last: pattern,
      turn: z.int().nonnegative(),
      tool: z.string(),
      system: pattern,
      input: pattern,
      /** Whether tools may be called no more: `tool_choice` `none`, or no tools. */
      final: z.boolean(),
    })
    .partial()
    .default({}),
  reply: replySchema,
  /** How often the rule may be used, over all conversations. */
  times: z.int().positive().optional(),
});

const scriptSchema = z.union([
  z.strictObject({
    turns: z.array(replySchema).min(1),
    /** What comes when the turns have run out. */
    afterwards: z.enum(["last", "error"]).default("error"),
  }),
  z.strictObject({ rules: z.array(ruleSchema).min(1) }),
]);

/** What tests arm: see docs/stand-in.md. */
export const mindSchema = z
  .strictObject({
    name: z.string().startsWith(mindPrefix, `a mind's name is its model id and begins with ${mindPrefix}`),
    roles: z.record(z.string(), scriptSchema).optional(),
    script: scriptSchema.optional(),
  })
  .refine((mind) => mind.script !== undefined || mind.roles !== undefined, "needs script or roles");

export type Rule = z.output<typeof ruleSchema>;
export type MindDefinition = z.output<typeof mindSchema>;

function isPattern(source: string): boolean {
  try {
    new RegExp(source);
    return true;
  } catch {
    return false;
  }
}
