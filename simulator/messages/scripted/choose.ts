import { invalid } from "../../http/errors.ts";
import type { Conversation } from "../conversation.ts";
import type { Reply } from "../reply.ts";
import type { MindDefinition, Rule } from "./script.ts";

export interface Choice {
  reply: Reply;
  /** The groups of the regular expression that matched, for `{{match.1}}`. */
  match: readonly string[];
}

/** The reply that a mind's script has for this conversation. `used` counts how often each rule was taken. */
export function chooseReply(mind: MindDefinition, conversation: Conversation, used: Map<Rule, number>): Choice {
  const { role, turn } = conversation;
  const { roles = {} } = mind;
  const script = (Object.hasOwn(roles, role) ? roles[role] : undefined) ?? mind.script;
  if (script === undefined) throw invalid(`${mind.name} has no script for the role "${role}"`);
  if ("turns" in script) {
    const reply = script.turns[turn] ?? (script.afterwards === "last" ? script.turns.at(-1) : undefined);
    if (reply === undefined) throw invalid(`${mind.name} has no reply for turn ${turn} of the role "${role}"`);
    return { reply, match: [] };
  }
  for (const rule of script.rules) {
    if (rule.times !== undefined && (used.get(rule) ?? 0) >= rule.times) continue;
    const match = matchRule(rule, conversation);
    if (match === undefined) continue;
    used.set(rule, (used.get(rule) ?? 0) + 1);
    return { reply: rule.reply, match };
  }
  throw invalid(`${mind.name} has no rule for turn ${turn} of the role "${role}", which ends in: ${conversation.last}`);
}

// The groups of the first pattern that has some: what was matched last is most often what a reply quotes.
function matchRule({ when }: Rule, conversation: Conversation): readonly string[] | undefined {
  if (when.turn !== undefined && when.turn !== conversation.turn) return undefined;
  if (when.tool !== undefined && when.tool !== conversation.latest.at(-1)?.tool) return undefined;
  if (when.final !== undefined && when.final !== (conversation.tools.size === 0)) return undefined;
  const matches: RegExpExecArray[] = [];
  for (const [source, text] of [
    [when.last, conversation.last],
    [when.input, conversation.opening],
    [when.system, conversation.system],
  ] as const) {
    if (source === undefined) continue;
    const match = new RegExp(source).exec(text);
    if (match === null) return undefined;
    matches.push(match);
  }
  return matches.find((match) => match.length > 1) ?? matches[0] ?? [];
}
