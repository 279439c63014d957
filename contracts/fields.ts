import { z } from "zod";

/** Fields that several inputs share. Text is checked where it enters: no NUL, no control or bidi-override characters. */

// PostgreSQL cannot store NUL; the others make names and diffs look like something they are not. Tag characters are text that
// no reader sees and every model reads: an approver must not approve a prompt that says more than is shown.
const unsafeCharacters = /[^\P{Cc}\t\n\r]|[\u202a-\u202e\u2066-\u2069]|[\u{e0000}-\u{e007f}]/u;
/** In a name nothing is invisible but what joins letters and emoji: what nobody sees must not tell two names apart. */
const invisibleCharacters = /[\p{Cf}--[\u200c\u200d]]|[\u115f\u1160\u3164\uffa0\u2800]/v;

const safe = (schema: z.ZodString) =>
  schema.refine((text) => !unsafeCharacters.test(text) && text.isWellFormed(), {
    message: "must not contain control characters, bidirectional overrides, invisible tags or broken surrogates",
  });

const canBeStored = (text: string) => text.isWellFormed() && !text.includes("\0");
const notStored = "must contain neither NUL nor broken surrogates";

/** Text that is kept as it is, whatever it says. */
export const rawText = (schema: z.ZodString) => schema.refine(canBeStored, { message: notStored });

/** A moment as people write it: RFC 3339 with an offset, as far as PostgreSQL reads it. */
export const instant = z.iso.datetime({ offset: true }).refine(
  (text) => {
    const year = new Date(text).getUTCFullYear();
    return Number(/[+-](\d\d):\d\d$/.exec(text)?.[1] ?? 0) < 16 && year >= 1 && year <= 9_999;
  },
  { message: "must lie in the years 0001 to 9999, with an offset of less than 16 hours" },
);

/** Deeper than this no agent's input is, and whoever copies, hashes or prints a value does so level by level. */
const mostLevels = 64;

/** An object of any kind, at most 64 levels deep, its names and texts kept as they are. */
export const anyObject = z.record(z.string(), z.unknown()).superRefine((value, context) => {
  const pending: { one: unknown; path: PropertyKey[] }[] = [{ one: value, path: [] }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { one, path } = next;
    if (typeof one === "string" && !canBeStored(one)) context.addIssue({ code: "custom", path, message: notStored });
    if (typeof one !== "object" || one === null) continue;
    // Not gone into: a path is as long as it is deep, and 100,000 levels of them took half a minute.
    if (path.length >= mostLevels) {
      context.addIssue({
        code: "custom",
        path: path.slice(0, 1),
        message: `must not be nested more than ${mostLevels} levels deep`,
      });
      return;
    }
    for (const [name, part] of Object.entries(one)) {
      if (!canBeStored(name)) context.addIssue({ code: "custom", path, message: `${notStored}, nor may its names` });
      pending.push({ one: part, path: [...path, name] });
    }
  }
});

/** Lower-case letters, digits, inner hyphens; 1 to 63 characters (RFC 1123 label). */
export const slug = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "lower-case letters, digits and inner hyphens; 1 to 63 characters")
  .describe("Lower-case letters, digits and inner hyphens; 1 to 63 characters");

export const displayName = safe(z.string().trim().min(1).max(200))
  .refine((text) => !invisibleCharacters.test(text), { message: "must not contain invisible characters" })
  .describe("As people read it; 1 to 200 characters");

export const description = safe(z.string().max(2048)).describe("At most 2,048 characters");

export const longText = safe(z.string().max(100_000)).describe("At most 100,000 characters");

export const shortText = safe(z.string().trim().min(1).max(2000));

export const ouReference = safe(z.string().min(1).max(1024)).describe("An OU's path (/acme/sales) or id");

export const userReference = safe(z.string().min(1).max(320)).describe("A user's email or principal id");

export const email = z.email().max(320).toLowerCase();

export const modelId = z
  .string()
  .regex(/^claude-[a-z0-9-]{1,60}$/, "a Claude model id, such as claude-sonnet-5-5")
  .describe("A Claude model id");

/** Runs call whatever speaks the Messages API: gateways and local servers name their models as they like. */
export const anyModelId = z
  .string()
  .regex(/^[A-Za-z0-9][\w.:/@-]{0,199}$/, "a model id as the endpoint names it, such as claude-sonnet-5-5");

export const serverUrl = z
  .url({ protocol: /^https?$/ })
  .max(2048)
  .refine((text) => URL.canParse(text) && new URL(text).username === "" && new URL(text).hash === "", {
    message: "must be an http or https URL without credentials or fragment",
  })
  .describe("The server's Streamable HTTP endpoint");
