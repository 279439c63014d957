const questions =
  /^(?:get|list|search|find|read|query|lookup|look|fetch|describe|show|count|browse|view|inspect|select|grep|glob|head|tail)$/;
const questionCommands =
  /^(?:cat|head|tail|sed|awk|less|more|ls|find|fd|grep|egrep|rg|ag|ack|tree|wc|stat|file|which|type|locate|jq|yq|pwd|env|curl|wget|du|df|ps)$/;
const questionSubcommands =
  /^(?:git (?:log|status|diff|show|grep|branch|ls-files|blame|remote|rev-parse)|kubectl (?:get|describe|logs)|docker (?:ps|logs|inspect|images)|npm (?:ls|view|outdated)|gh \w+ (?:list|view))\b/;
const contentCommands = /^(?:cat|head|sed|awk|less|more|ls|find|fd|grep|egrep|rg|ag|ack|tree|wc|file|which|jq|yq|git)$/;

/** The last part of a name: `exports__get` asks as `get` does. */
function verbOf(tool: string): string {
  const own = tool.slice(tool.lastIndexOf("__") === -1 ? 0 : tool.lastIndexOf("__") + 2);
  return /^[a-z]+/i.exec(own)?.[0].toLowerCase() ?? "";
}

/** The command line of a call that runs one, else null. Its beginning tells enough. */
export function commandOf(args: Record<string, unknown>): string | null {
  const command = args["command"] ?? args["cmd"];
  return typeof command === "string" ? withoutPreparation(command.slice(0, 2000).trim()) : null;
}

/** `cd web && CI=1 npm test` runs `npm test`. */
function withoutPreparation(command: string): string {
  return command.replace(/^(?:cd [^\s;&|]+ ?(?:&&|;) ?|sudo |(?:[A-Z_]{1,40}=\S* ))+/, "");
}

const firstWord = (command: string): string => /^[\w./-]+/.exec(command)?.[0].replace(/^.*\//, "") ?? "";

/**
 * Does the call only ask? A tool that is not known to be read-only is judged by its name or its command: many search and
 * do not say so. Of a question an empty answer is no success, and an answer already known brings nothing.
 */
export function asks(tool: string, args: Record<string, unknown>, readOnly?: boolean): boolean {
  if (readOnly === true) return true;
  const command = commandOf(args);
  if (command !== null) return questionCommands.test(firstWord(command)) || questionSubcommands.test(command);
  return questions.test(verbOf(tool));
}

/** Shows what is written somewhere: words in it say nothing of the call itself. */
export function showsContent(tool: string, args: Record<string, unknown>): boolean {
  const command = commandOf(args);
  if (command !== null) return contentCommands.test(firstWord(command));
  return /^(?:read_file|write_file|list_directory|search_tools|get_tool_schema)$/.test(tool);
}

/** Nothing but letting time pass. */
export function onlyWaits(tool: string, args: Record<string, unknown>): boolean {
  const command = commandOf(args);
  return command === null ? /^(?:wait|sleep|delay|pause)$/.test(verbOf(tool)) : /^sleep [\d.]+[smh]?$/.test(command);
}

/** Asks by its name how far something has come. */
export function asksForState(tool: string, args: Record<string, unknown>): boolean {
  const subject = commandOf(args) ?? tool;
  if (/^(?:set|update|create|add|change|put|delete)$/.test(verbOf(tool))) return false;
  return /(?:^|[^a-z])(?:status|state|health|healthz|ready|readyz|rollout|progress|job|poll|is-active|isready|wait)(?:[^a-z]|$)/i.test(
    subject,
  );
}
