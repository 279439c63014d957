/** Names are compared in snake_case: `requestId` and `request-id` are both `request_id`. */
export function nameInSnakeCase(name: string): string {
  return name
    .slice(0, 100)
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/[-.\s]+/g, "_")
    .toLowerCase();
}

const volatileArgumentNames =
  /^(?:.*_)?(?:request|req|trace|span|correlation|idempotency|dedup|invocation|call|client_request)_(?:id|key|token|uuid|ref)$|^(?:.*_)?(?:nonce|timestamp|ts|now|cache_buster|random|attempt|attempt_number|retry|retry_count)$|^(?:thought|reasoning|explanation|justification|_)$|^(?:sent|asked|requested|issued|called|client)_(?:at|time)$/;

/** What such an argument holds says which thing, which page or which span of time is meant: never volatile by its shape. */
const meaningfulArgumentNames =
  /(?:^|_)(?:ids?|uuid|key|plan|run|ref|hash|sha|commit|cursor|token|after|before|since|until|from|to|start|end|date|day|time|at|content|body|text|message|command|path)$/;

const volatileShape =
  /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?|1\d{12}|(?:req|trace|nonce|corr)[-_][\w-]{6,64})$/i;

/** An argument that differs from call to call without meaning anything: by its name, or by its shape under a name that says nothing. */
export function isVolatileArgument(name: string, value: unknown): boolean {
  if (typeof value === "object" && value !== null) return false;
  const snake = nameInSnakeCase(name);
  if (volatileArgumentNames.test(snake)) return true;
  return !meaningfulArgumentNames.test(snake) && volatileShape.test(String(value).slice(0, 100));
}

const requestFieldNames =
  /^(?:.*_)?(?:duration|elapsed|took|latency|uptime|nonce)(?:_?(?:ms|s|sec|seconds|us|ns))?$|^(?:.*_)?(?:request|trace|span|correlation|run|session|invocation)_id$|^(?:server|response)_time$/;
const momentFieldNames =
  /^(?:.*_)?(?:timestamp|ts|now|pid|port|etag|date)(?:_?ms)?$|^(?:time|last_seen)$|^(?:created|updated|checked|started|finished|fetched|generated)_at$/;

/** A field of a result that says how long or in answer to which request, not what. */
export function isRequestField(name: string): boolean {
  return requestFieldNames.test(nameInSnakeCase(name));
}

/** A field that says when or in which process: in an answer to the same call no news, in one to another call perhaps. */
export function isMomentField(name: string): boolean {
  return momentFieldNames.test(nameInSnakeCase(name));
}

// Every quantifier is bounded or starts at a word boundary, so that the time stays linear in the text.
const volatileText: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, "<uuid>"],
  [
    /\b\d{4}-\d\d-\d\d(?:[T _-]\d\d[:_-]\d\d(?:[:_-]\d\d(?:[.,_]\d{1,9})?)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?/g,
    "<time>",
  ],
  [/\b20\d{6}[T_-]?\d{6}Z?\b/g, "<time>"],
  [
    /\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:\d\d? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? {1,2}\d{1,4}\b(?:, \d{4})?/g,
    "<time>",
  ],
  [/\b\d\d?:\d\d:\d\d(?:[.,]\d{1,9})?\b/g, "<time>"],
  [/\b1[67]\d{8}(?:\d{3})?\b/g, "<time>"],
  [/\b0x[0-9a-f]{4,16}\b/gi, "<address>"],
  [/(?:\/private)?\/(?:tmp|var\/tmp|var\/folders)\/[^\s"'`),;:\]]{1,300}/g, "<temp>"],
  [/\b(pid|process|worker|thread|port|seed)([ =:#"]{1,4})\d{1,10}\b/gi, "$1$2<n>"],
  [/\b([a-z][\w.-]{0,60})\[\d{1,10}\]:/gi, "$1[<n>]:"],
  [/(\b(?:\d{1,3}\.){3}\d{1,3}|\blocalhost|\[::1?\]):\d{4,5}\b/g, "$1:<n>"],
  [
    /(?<!(?:\beta|remaining|left)[ :=]{1,3})\b(?:\d{1,5}h ?)?(?:\d{1,5}m ?)?\d{1,12}(?:\.\d{1,12})?\s?(?:ns|µs|us|ms|s|secs?|seconds?|mins?|minutes?)\b/gi,
    "<duration>",
  ],
  [/\b(duration|elapsed|took|time)(_ms|_s|_seconds)?([ =:]{1,3})\d{1,12}(?:\.\d{1,12})?\b/gi, "$1$2$3<duration>"],
  [/\b((?:request|trace|correlation|incident|reference)[ _-]?id[ =:"]{1,4})[\w-]{4,64}/gi, "$1<id>"],
  [/\b(req|request|trace|corr|span|run|sess|session)[-_](?=[a-z_-]{0,63}\d)[\w-]{6,64}/gi, "$1-<id>"],
  [/(?<![0-9a-z])(?=[a-f]{0,63}\d)(?=\d{0,63}[a-f])[0-9a-f]{8,64}(?![0-9a-z])/gi, "<hex>"],
];

/** Replaces times, durations, process ids, ports, temporary paths, addresses and random ids. Other numbers stay: they may be what moves. */
export function withoutVolatileText(text: string): string {
  return volatileText.reduce((rest, [shape, name]) => rest.replace(shape, name), text);
}
