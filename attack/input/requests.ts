import fc from "fast-check";
import type { Arena } from "../arena.ts";
import { countOf, type Effort, type Report } from "../report.ts";
import { type Document, type Route, readDocument, type Schema } from "./document.ts";
import { peopledOrganisation } from "./organisation.ts";
import { hostileTexts, type Known, valuesOf } from "./values.ts";

const atOnce = 8;
/** What only our own code or the database's says. */
const inside = /node_modules|\.ts:\d+|\bselect .* from\b|syntax error at|violates .* constraint|relation "/i;

interface Built {
  route: Route;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

/** Requests to every route by the API's own document, here and there hostile: every answer must be one that it describes. */
export async function attackRoutes(arena: Arena, { seed, rounds }: Effort): Promise<Report> {
  const document = await readDocument(arena.apiUrl);
  const { organisation, known } = await peopledOrganisation(arena);
  const { token } = organisation.admin;
  const requests = document.routes
    // Signs the asker out, or is a conversation that takes its time.
    .filter(({ name }) => name !== "bootstrap")
    .flatMap((route) => fc.sample(requestsOf(document, known, route), { seed, numRuns: rounds }));
  const statuses: string[] = [];
  const violations = new Set<string>();
  const next = requests.values();
  const work = async () => {
    for (const request of next) {
      const { route, path, headers, body } = request;
      const ask = () =>
        fetch(arena.apiUrl + path, {
          method: route.method,
          headers: {
            ...headers,
            authorization: `Bearer ${token}`,
            ...(body === undefined ? {} : { "content-type": "application/json" }),
          },
          redirect: "manual",
          ...(body === undefined ? {} : { body }),
        });
      const answer = await ask()
        // A kept connection, idle since before, may be let go of at the moment it is used: a new one tells.
        .catch((error: unknown) => (/other side closed/.test(faultOf(error)) ? ask() : Promise.reject(error)))
        // This process was too busy to send in time what it had begun to.
        .then((first) => (first.status === 408 ? ask() : first))
        .catch(faultOf);
      const sent = `${route.method} ${path} ${JSON.stringify(headers)} ${body?.slice(0, 400) ?? ""}`;
      if (typeof answer === "string") {
        violations.add(`${route.name}: no answer (${answer}) to ${sent}`);
        continue;
      }
      const type = answer.headers.get("content-type") ?? "";
      statuses.push(`${answer.status}`);
      if (type.startsWith("text/event-stream")) {
        await answer.body?.cancel();
        continue;
      }
      const text = await answer.text();
      const said = { status: answer.status, type, text };
      const fault =
        answer.status >= 500
          ? `answered ${answer.status}: ${text.slice(0, 300)}`
          : answer.status >= 400 && inside.test(text)
            ? `says what is inside: ${text.slice(0, 300)}`
            : document.faultOf(route, said);
      if (fault !== undefined) violations.add(`${route.name}: ${fault}, to ${sent}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return {
    tallies: [
      {
        what: `requests made from the OpenAPI document, to ${document.routes.length} routes`,
        tried: requests.length,
        outcome: countOf(statuses),
      },
    ],
    violations: [...violations],
  };
}

const faultOf = (error: unknown): string => String(error instanceof Error ? (error.cause ?? error) : error);

function requestsOf(document: Document, known: Known, route: Route): fc.Arbitrary<Built> {
  const named = (place: "path" | "query" | "header") =>
    route.parameters.filter((parameter) => parameter.in === place && parameter.name !== "Content-Type");
  const record = (place: "path" | "query" | "header") => {
    const parameters = named(place);
    return fc.record(
      Object.fromEntries(parameters.map(({ name, schema }) => [name, valuesOf(document, known, schema, name)])),
      {
        requiredKeys: parameters
          .filter(({ required }) => required === true || place === "path")
          .map(({ name }) => name),
      },
    ) as fc.Arbitrary<Record<string, unknown>>;
  };
  const schema: Schema | undefined = route.requestBody?.content?.["application/json"]?.schema;
  return fc
    .record({
      path: record("path"),
      query: record("query"),
      headers: record("header"),
      body: schema === undefined ? fc.constant(undefined) : valuesOf(document, known, schema),
      odd: fc.option(fc.constantFrom(...hostileTexts), { freq: 20, nil: undefined }),
    })
    .map(({ path, query, headers, body, odd }) => {
      const text = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
      const encoded = (value: unknown) => encodeURIComponent(text(value).toWellFormed());
      const pairs = Object.entries(query).map(([name, value]) => `${encodeURIComponent(name)}=${encoded(value)}`);
      if (odd !== undefined) pairs.push(`nobody_knows=${encoded(odd)}`);
      return {
        route,
        // An empty part would be another path, and so would dots.
        path:
          route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encoded(path[name]).replace(/^\.{0,2}$/, "%20")) +
          (pairs.length === 0 ? "" : `?${pairs.join("&")}`),
        headers: Object.fromEntries(
          Object.entries(headers)
            .map(([name, value]): [string, string] => [name, text(value)])
            // What no header can hold never leaves the client; raw sockets send it elsewhere.
            .filter(([, value]) => /^[\t\x20-\x7e\x80-\xff]*$/.test(value)),
        ),
        body: schema === undefined ? undefined : JSON.stringify(brief(body)),
      };
    });
}

/** Nobody waits minutes for the end of a conversation that is tried only for its input. */
function brief(body: unknown): unknown {
  return typeof body === "object" && body !== null && "mode" in body && body.mode === "wait"
    ? { ...body, wait_seconds: 1 }
    : body;
}
