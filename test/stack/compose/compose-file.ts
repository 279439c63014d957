import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

export const root = fileURLToPath(new URL("../../..", import.meta.url));

/** A service, as far as these tests look at it. */
export interface Service {
  image?: string;
  build?: string;
  command?: string[];
  environment?: Record<string, string>;
  profiles?: string[];
  ports?: string[];
  restart?: string;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
}

/** Reads docker-compose.yml as `docker compose` does: anchors merged, variables filled in, or every missing one named. */
export function readCompose(variables: Record<string, string>): Record<string, Service> {
  const missing = new Set<string>();
  const fill = (value: unknown): unknown => {
    if (typeof value === "string") return interpolate(value, variables, missing);
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
  };
  const file = parse(readFileSync(`${root}/docker-compose.yml`, "utf8"), { merge: true }) as unknown;
  const { services } = fill(file) as { services: Record<string, Service> };
  if (missing.size > 0) throw new Error([...missing].join("\n"));
  return services;
}

/** `${NAME}`, `${NAME:-default}` and `${NAME:?message}`: all that the file uses. */
function interpolate(text: string, variables: Record<string, string>, missing: Set<string>): string {
  return text.replaceAll(/\$\{([A-Z_]+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind: string, rest: string) => {
    const value = variables[name];
    if (value !== undefined && value !== "") return value;
    if (kind === "?") missing.add(`${name}: ${rest}`);
    return kind === "-" ? rest : "";
  });
}

/** Those that run our own code. */
export function ourServices(services: Record<string, Service>): [string, Service][] {
  return Object.entries(services).filter(([, service]) => service.build !== undefined);
}
