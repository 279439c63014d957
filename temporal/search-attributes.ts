import { setTimeout as sleep } from "node:timers/promises";
import { type Client, Connection } from "@temporalio/client";
import type { Logger } from "pino";

/** Names and types, as the Temporal command line writes the types. */
export type SearchAttributes = Readonly<
  Record<string, "Keyword" | "Text" | "Int" | "Double" | "Bool" | "Datetime" | "KeywordList">
>;

/** What our workflows are found by. */
export const searchAttributes = {
  PowerloomOrganisation: "Keyword",
  PowerloomOu: "Keyword",
  PowerloomKind: "Keyword",
  PowerloomStatus: "Keyword",
} as const satisfies SearchAttributes;

/** temporal.api.enums.v1.IndexedValueType: part of the wire format. */
const wireTypes = { Text: 1, Keyword: 2, Int: 3, Double: 4, Bool: 5, Datetime: 6, KeywordList: 7 } as const;

/** What became of the search attributes; `sentence` is for a person, with the exact command. */
export type SearchAttributeOutcome =
  | { status: "present" }
  | { status: "registered"; names: string[] }
  | { status: "missing"; names: string[]; sentence: string };

/** The command that registers these attributes, to print. */
export function searchAttributeCommand(
  namespace: string,
  address: string,
  names: readonly string[],
  attributes: SearchAttributes,
): string {
  const pairs = names.map((name) => `--name ${name} --type ${attributes[name] ?? "Keyword"}`).join(" ");
  return `temporal operator search-attribute create --address ${address} --namespace ${namespace} ${pairs}`;
}

/** The attributes that the namespace lacks; one that it has with another type cannot be registered and is an error. */
export async function missingSearchAttributes(
  connection: Connection,
  namespace: string,
  attributes: SearchAttributes = searchAttributes,
): Promise<string[]> {
  const listed = await within(connection, 5_000, () => connection.operatorService.listSearchAttributes({ namespace }));
  const missing: string[] = [];
  for (const [name, type] of Object.entries(attributes)) {
    const found = listed.customAttributes?.[name];
    if (found === undefined) missing.push(name);
    else if (found !== wireTypes[type]) throw new Error(`${name} exists there with another type than ${type}`);
  }
  return missing;
}

/**
 * For a Temporal that is not ours: checks that the attributes exist and registers the missing ones. Where that is not
 * allowed (Temporal Cloud has no operator service for clients), answers with the sentence to print.
 */
export async function ensureSearchAttributes(given: {
  connection: Connection;
  address: string;
  namespace: string;
  attributes?: SearchAttributes;
}): Promise<SearchAttributeOutcome> {
  const { connection, address, namespace } = given;
  const attributes: SearchAttributes = given.attributes ?? searchAttributes;
  let names = Object.keys(attributes);
  try {
    names = await missingSearchAttributes(connection, namespace, attributes);
    if (names.length === 0) return { status: "present" };
    const wanted = Object.fromEntries(names.map((name) => [name, wireTypes[attributes[name] ?? "Keyword"]]));
    await within(connection, 10_000, () =>
      connection.operatorService.addSearchAttributes({ namespace, searchAttributes: wanted }),
    );
    // The server caches the list; wait until it shows them.
    for (let attempt = 0; attempt < 50; attempt += 1) {
      if ((await missingSearchAttributes(connection, namespace, attributes)).length === 0)
        return { status: "registered", names };
      await sleep(200);
    }
    return { status: "missing", names, sentence: missingSentence("they were registered but do not show") };
  } catch (error) {
    return {
      status: "missing",
      names,
      sentence: missingSentence(error instanceof Error ? error.message : String(error)),
    };
  }

  function missingSentence(why: string): string {
    const command = searchAttributeCommand(namespace, address, names, attributes);
    return `Namespace ${namespace} on ${address} may lack search attributes of Powerloom (${why}); register them with: ${command}`;
  }
}

function within<T>(connection: Connection, ms: number, call: () => Promise<T>): Promise<T> {
  return connection.withDeadline(Date.now() + ms, call);
}

/**
 * At the start of API and worker (design §11): registers the search attributes that the namespace lacks, or says with which
 * command to do it. No reason to refuse to start: where clients may not ask (Temporal Cloud), they may well be there.
 */
export async function checkSearchAttributes(
  temporal: Client,
  target: { address: string; namespace: string },
  log: Logger,
): Promise<void> {
  if (!(temporal.connection instanceof Connection)) throw new TypeError("a connection of the client package is needed");
  const outcome = await ensureSearchAttributes({ connection: temporal.connection, ...target });
  if (outcome.status === "registered") log.info({ names: outcome.names }, "search attributes registered");
  if (outcome.status === "missing") log.warn(outcome.sentence);
}
