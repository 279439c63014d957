import { invalid } from "../../http/errors.ts";
import { atPath, type Conversation, parseJson } from "../conversation.ts";
import type { Choice } from "./choose.ts";

const template = /\{\{\s*([^{}]+?)\s*\}\}/g;
const only = /^\{\{\s*([^{}]+?)\s*\}\}$/;

/** Fills the `{{…}}` in every string of a reply. A string that is one template alone keeps the value's JSON type. */
export function fillTemplates(choice: Choice, conversation: Conversation): Choice["reply"] {
  return fill(choice.reply, (expression) => look(expression, choice, conversation)) as Choice["reply"];
}

function fill(value: unknown, resolve: (expression: string) => unknown): unknown {
  if (typeof value === "string") {
    const alone = only.exec(value)?.[1];
    if (alone !== undefined) return resolve(alone);
    return value.replaceAll(template, (_, expression: string) => {
      const found = resolve(expression);
      return typeof found === "string" ? found : JSON.stringify(found);
    });
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, resolve));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, resolve)]));
}

function look(expression: string, { match }: Choice, conversation: Conversation): unknown {
  const value = findValue(expression, match, conversation);
  if (value === undefined) throw invalid(`the mind's template {{${expression}}} has no value in this conversation`);
  return value;
}

function findValue(expression: string, match: readonly string[], { input, results }: Conversation): unknown {
  const [head = "", ...rest] = expression.split(".");
  const path = rest.join(".");
  switch (head) {
    case "input":
      return atPath(input, path);
    case "last":
      return inText(results.at(-1)?.text, path);
    case "result":
      return inText(results[Number(rest[0]) - 1]?.text, rest.slice(1).join("."));
    case "match":
      return match[Number(path)];
    default:
      return undefined;
  }
}

// Without a path the text itself; with one, what stands there in its JSON.
function inText(text: string | undefined, path: string): unknown {
  if (text === undefined || path === "") return text;
  return atPath(parseJson(text), path);
}
