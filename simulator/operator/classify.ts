import { readRequest } from "./request.ts";

export type Intent = "provision" | "wire" | "inventory" | "approve" | "beyond" | "help" | "unknown";

const polite =
  "^\\W*(?:(?:hi|hello|hey|ok(?:ay)?|now|then|also|and|please|pls|plz|kindly|can\\s+you|could\\s+you|would\\s+you|will\\s+you|i\\s+(?:want|need)\\s+you\\s+to|go\\s+ahead\\s+and|let'?s|just)[\\s,!.]+)*";
const asks = new RegExp(
  `${polite}(?:what|which|list|show|tell\\s+me|how\\s+many|do\\s+we|does|is\\s+there|are\\s+there|who|give\\s+me\\s+an?\\s+(?:inventory|overview|list))\\b`,
  "i",
);
const creates =
  /\b(?:set\s*up|creat(?:e|ing)|provision|make|build|spin\s*up|stand\s*up|deploy|launch|add|prepare|give|get|needs?|wants?|would\s+like|i['’]d\s+like|looking\s+for|requires?|could\s+use|should\s+have|onboard|bring\s+up|(?:can|could|may)\s+(?:we|i)\s+(?:please\s+)?have)\b/i;
const things =
  /\b(?:agents?|assistants?|(?:mcp\s+)?servers?|skills?|users?|people|members|ous?|teams|resources|inventory)\b/i;
const existing = /\b(?:exists?|existing|already|there|have|inventory|overview|available|registered)\b/i;

/** What an order says besides the thing it orders. */
const details = /\b(?:owned\s+by|owner|us(?:e|es|ing)|with|for)\b/i;

/** What kind of thing a message asks for. */
export function classify(text: string): Intent {
  const { purpose } = readRequest(text);
  const hasNoun = /\b(?:agent|assistant|bot|co-?pilot|helper)\b/i.test(text);
  const starts = (verbs: string) => new RegExp(`${polite}(?:${verbs})\\b`, "i").test(text);
  if (starts("approve|deny|reject|vote")) return "approve";
  if (
    starts(
      "delete|remove|archive|destroy|revoke|grant|rotate|rename|disable|suspend|invite|move|promote|change|update|edit|modify|lift|raise|stop|kill|restart|pause",
    )
  ) {
    return "beyond";
  }
  if (asks.test(text) && (things.test(text) || existing.test(text) || /^\W*who\b/i.test(text))) return "inventory";
  if (
    starts("attach|connect|wire|hook|mint|add|give|link") &&
    /\b(?:the|existing|my|our|to|its)\b/i.test(text) &&
    !/\b(?:an?|another|new)\s+(?:[\w-]+\s+){0,6}?(?:agent|assistant|bot)\b/i.test(text)
  ) {
    if (hasNoun || /\b(?:skills?|mcp|credentials?|bearer|token)\b/i.test(text)) return "wire";
  }
  if (
    creates.test(text) &&
    hasNoun &&
    (purpose !== undefined ||
      /\b(?:an?|another|new|one)\s+(?:\w+\s+)?(?:agent|assistant|bot|co-?pilot|helper)\b/i.test(text))
  ) {
    // "Before I create anything: which agents are there?" names no agent of its own.
    return /\bbefore\b/i.test(text) && /\?/.test(text) && existing.test(text) ? "inventory" : "provision";
  }
  // "For the … team: one … agent, owned by …": an order without a verb.
  if (purpose !== undefined && hasNoun && !text.includes("?") && !existing.test(text) && details.test(text)) {
    return "provision";
  }
  if (existing.test(text) && things.test(text)) return "inventory";
  // "…: agents? Servers?": a question without a verb.
  if (/\b(?:agents|servers|skills|users|people|members)\b[^.!]*\?/i.test(text) && !creates.test(text))
    return "inventory";
  if (/\bapprov(?:e|al)s?\b/i.test(text) && /\b(?:requests?|pending|inbox|mine|yourself)\b/i.test(text))
    return "approve";
  if (/\bpolic(?:y|ies)\b|\b(?:delete|remove|archive|revoke)\b|\b(?:grant|role)\b/i.test(text)) return "beyond";
  if (/^\W*(?:help|hi|hello|hey|good\s+(?:morning|day|evening))\b|what\s+can\s+you\s+do|who\s+are\s+you/i.test(text))
    return "help";
  return "unknown";
}

/** Whether a message gives up the question that is open. */
export function cancels(text: string): boolean {
  return /^\W*(?:never\s*mind|cancel|forget\s+(?:it|that|about\s+it)|stop|abort|leave\s+it|drop\s+it)\b/i.test(text);
}
