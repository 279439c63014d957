import { type CommandSpec, commands } from "../../contracts/generated/commands.ts";
import { textOf } from "../parts/value.tsx";
import { api, type Shown } from "../wire/client.ts";

export type Values = Readonly<Record<string, unknown>>;

/** What became of a mutation: done, or it waits (for people, or for the worker). */
export type Sent =
  | { status: "applied"; result: Readonly<Record<string, unknown>> }
  | { status: "waiting"; request: Shown["Request"] };

/** The declaration of a governed mutation, as the API tells clients of it. */
export function specOf(operation: string): CommandSpec {
  const spec = commands.find(({ name, kind }) => name === operation && kind === "operation");
  if (spec === undefined) throw new Error(`there is no operation ${operation}`);
  return spec;
}

/** What has been filled in: empty text and undefined are left out, null stays. */
function bodyOf(spec: CommandSpec, values: Values): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const { name, in: place, required } of spec.params) {
    const value = values[name];
    if (place !== "body" || value === undefined) continue;
    // An empty text may be meant where something stood before; where it must be given, the API says it is missing.
    if (value === "" && required) continue;
    body[name] = value;
  }
  return body;
}

async function request(
  spec: CommandSpec,
  values: Values,
  more: { dryRun?: true; ifMatch?: string | undefined; idempotencyKey?: string },
) {
  const path = Object.fromEntries(
    spec.params.filter((param) => param.in === "path").map(({ name }) => [name, textOf(values[name] ?? "")]),
  );
  const body = bodyOf(spec, values);
  const takesBody = spec.params.some((param) => param.in === "body");
  const { data, response } = await api.request(
    spec.method.toLowerCase() as "post",
    // The names are known when the app runs, not when it is built; what is sent is checked by the API in any case.
    spec.path.replace(/:(\w+)/g, "{$1}") as "/agents",
    {
      params: {
        path,
        query: more.dryRun === true ? { dryRun: "true" } : {},
        header: {
          ...(more.ifMatch === undefined ? {} : { "If-Match": more.ifMatch }),
          ...(more.idempotencyKey === undefined ? {} : { "Idempotency-Key": more.idempotencyKey }),
        },
      },
      ...(takesBody ? { body } : {}),
    } as never,
  );
  return { data: data as unknown, status: response.status };
}

/** What would happen, and whether people would be asked first. Throws the API's refusal. */
export async function tryOut(operation: string, values: Values, ifMatch?: string): Promise<Shown["DryRun"]> {
  const { data } = await request(specOf(operation), values, { dryRun: true, ifMatch });
  return data as Shown["DryRun"];
}

/** Asks for a mutation. The same key twice is one mutation. Throws the API's refusal. */
export async function send(
  operation: string,
  values: Values,
  { idempotencyKey, ifMatch }: { idempotencyKey: string; ifMatch?: string | undefined },
): Promise<Sent> {
  const { data, status } = await request(specOf(operation), values, { idempotencyKey, ifMatch });
  return status === 202
    ? { status: "waiting", request: data as Shown["Request"] }
    : { status: "applied", result: data as Record<string, unknown> };
}
