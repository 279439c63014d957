import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Connection } from "@temporalio/client";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { readConfig } from "../../config.ts";
import { readConfig as readMcpConfig } from "../../mcp-server/config.ts";
import { temporalServerArgs } from "../../stack/temporal-server.ts";
import { missingSearchAttributes } from "../../temporal/search-attributes.ts";
import { everything } from "../support/everything.ts";
import { eventually } from "../support/organisation.ts";
import { ourServices, readCompose, root } from "./compose/compose-file.ts";
import { openPlace, type Place, type Started } from "./compose/place.ts";

const text = (path: string) => readFileSync(join(root, path), "utf8");

describe("docker-compose.yml", () => {
  const template = text("deploy/env.example");
  const filled = Object.fromEntries([...template.matchAll(/^([A-Z_]+)=$/gm)].map(([, name]) => [name ?? "", "x"]));

  test("has no secret with a default: without settings it names each one that is missing", () => {
    let said = "";
    try {
      readCompose({});
    } catch (error) {
      said = String(error);
    }
    for (const name of Object.keys(filled)) expect(said).toContain(`${name}: `);
    expect(() => readCompose(filled)).not.toThrow();
  });

  test("uses no setting that deploy/env.example does not tell of, and none is told of in vain", () => {
    const used = new Set([...text("docker-compose.yml").matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name));
    const told = new Set([...template.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name));
    // Read by docker compose itself.
    used.add("COMPOSE_PROFILES");
    used.delete("POWERLOOM_VERSION");
    expect(told).toEqual(used);
  });

  test("gives each part only variables that it reads, and all that it cannot do without", () => {
    const readBy: Record<string, string[]> = {
      migrate: ["cli/migrate.ts"],
      api: ["config.ts", "api/main.ts"],
      worker: ["config.ts", "worker.ts"],
      mcp: ["mcp-server/config.ts"],
      standin: ["simulator/main.ts"],
    };
    const services = readCompose(filled);
    expect(ourServices(services).map(([name]) => name)).toEqual(Object.keys(readBy));
    const namesIn = (said: string) => [...said.matchAll(/\b([A-Z]+(?:_[A-Z]+)+)\b/g)].map(([, name]) => name ?? "");
    for (const [name, service] of ourServices(services)) {
      const source = (readBy[name] ?? []).map(text).join("\n");
      const given = Object.keys(service.environment ?? {});
      expect(
        given.filter((variable) => !namesIn(source).includes(variable)),
        `${name} does not read`,
      ).toEqual([]);
      const hosts = Object.entries(service.environment ?? {}).filter(([variable]) => variable.endsWith("_HOST"));
      expect({ name, closed: hosts.filter(([, value]) => value !== "0.0.0.0") }).toEqual({ name, closed: [] });
    }
    const faults = readMcpConfig({});
    const needed: Record<string, string[]> = {
      migrate: ["MIGRATOR_DATABASE_URL"],
      api: [...namesIn(faultOf(() => readConfig({}))), "ISSUER_DATABASE_URL"],
      worker: namesIn(faultOf(() => readConfig({}))),
      mcp: faults.ok ? [] : namesIn(faults.faults.join("\n")),
    };
    for (const [name, variables] of Object.entries(needed)) {
      const given = services[name]?.environment ?? {};
      expect({ name, lacks: variables.filter((variable) => !(variable in given)) }).toEqual({ name, lacks: [] });
    }
  });

  test("has our parts ask the API inside, wherever people reach it", () => {
    const services = readCompose(filled);
    for (const name of ["worker", "mcp"])
      expect(services[name]?.environment?.["POWERLOOM_API_INTERNAL_URL"]).toBe("http://api:4000");
  });

  test("opens ports on this host only, starts again what ends, and waits for what it needs", () => {
    const services = readCompose(filled);
    for (const [name, service] of Object.entries(services)) {
      for (const port of service.ports ?? []) expect(`${name} ${port}`).toMatch(/ 127\.0\.0\.1:\d+:\d+$/);
      expect(`${name} ${service.restart}`).toMatch(/ (unless-stopped|on-failure)$/);
      expect(service.image).toMatch(/^[^:]+:(?!latest$)[^:]+$/);
      const unmet = Object.entries(service.depends_on ?? {}).filter(([other, { condition }]) =>
        condition === "service_healthy"
          ? services[other]?.healthcheck === undefined
          : condition !== "service_completed_successfully" || services[other]?.restart !== "on-failure",
      );
      expect({ name, unmet }).toEqual({ name, unmet: [] });
    }
  });

  test("runs Temporal with the settings of the local server", () => {
    const file = parse(text("deploy/temporal/dynamic-config.yaml")) as Record<string, [{ value: unknown }]>;
    const here = temporalServerArgs({ host: "h", port: 1, dbFile: "f", namespace: "n", searchAttributes: {} });
    const local = here.filter((_, index) => here[index - 1] === "--dynamic-config-value");
    expect(Object.entries(file).map(([key, [{ value }]]) => `${key}=${String(value)}`)).toEqual(local);
  });
});

const well = { code: 0, said: "" };

/** Its exit code, and what it said when that is not 0. */
async function endOf(part: Started): Promise<{ code: number | null; said: string }> {
  const code = await part.exited;
  return { code, said: code === 0 ? "" : part.output().slice(-2_000) };
}

function faultOf(body: () => unknown): string {
  try {
    body();
    return "";
  } catch (error) {
    return String(error);
  }
}

describe("the services of docker-compose.yml, their commands and environments on this machine", () => {
  let place: Place;
  const running = new Map<string, Started>();
  beforeAll(async () => {
    place = await openPlace();
  });
  afterAll(() => place?.close());

  const startsWell = async (name: string): Promise<void> => {
    const part = place.start(name);
    running.set(name, part);
    await eventually(
      async () => {
        if (part.process.exitCode !== null) throw new Error(`${name} ended:\n${part.output()}`);
        const answer = await fetch(place.url(name, "/readyz")).catch(() => undefined);
        return answer?.ok === true ? true : undefined;
      },
      `${name} is ready`,
      45_000,
    );
    expect((await fetch(place.url(name, "/healthz"))).status).toBe(200);
    expect([name, await place.probe(name)]).toEqual([name, 0]);
  };

  test("migrate makes everything as a role that is no superuser, and does nothing the second time", async () => {
    const first = place.start("migrate");
    expect(await endOf(first)).toEqual(well);
    expect(first.output()).toContain("Applied 0001-");
    const second = place.start("migrate");
    expect(await second.exited).toBe(0);
    expect(second.output()).toContain("Nothing to apply.");
    const admin = new Client({ connectionString: place.adminUrl });
    await admin.connect();
    const { rows } = await admin.query<{ owner: string }>(
      "select distinct tableowner as owner from pg_tables where schemaname = 'public' order by 1",
    );
    await admin.end();
    expect(rows.map(({ owner }) => owner)).not.toContain("powerloom_app");
  });

  test("the namespace script registers namespace and search attributes, and does nothing the second time", async () => {
    for (const _ of [1, 2]) {
      const script = place.runScript("deploy/temporal/namespace.sh", place.environment("temporal-namespace"));
      expect(await endOf(script)).toEqual(well);
    }
    const connection = await Connection.connect({ address: place.temporalAddress });
    expect(await missingSearchAttributes(connection, "powerloom")).toEqual([]);
    await connection.close();
  });

  test("each part comes up, is healthy, and its health check says so", { timeout: 180_000 }, async () => {
    // A part that does not run is not healthy.
    expect(await place.probe("api")).toBe(1);
    await Promise.all(["standin", "api", "worker", "mcp"].map(startsWell));
  });

  const refusals: [how: string, changes: Record<string, string | undefined>, sentence: RegExp][] = [
    [
      "as a superuser",
      { DATABASE_URL: "superuser" },
      /api refuses to run as database role \\?"postgres\\?", which is a superuser/,
    ],
    [
      "with settings missing, naming every one",
      { DATABASE_URL: undefined, POWERLOOM_SEALING_KEY: undefined, POWERLOOM_MCP_CLIENT_SECRET: "short" },
      /POWERLOOM_MCP_CLIENT_SECRET: must have at least 16.*POWERLOOM_SEALING_KEY: .*DATABASE_URL: /s,
    ],
    [
      "with a wrong password",
      { DATABASE_URL: "wrong password" },
      /password authentication failed for user \\?"powerloom_app/,
    ],
    [
      "with a real key and an MCP server that the provider cannot reach",
      { ANTHROPIC_API_KEY: "sk-test", ANTHROPIC_BASE_URL: undefined },
      /POWERLOOM_MCP_PUBLIC_URL: must be an https URL the provider can reach when ANTHROPIC_API_KEY is set/,
    ],
  ];
  test.concurrent.each(everything ? refusals : refusals.slice(0, 2))(
    "the API does not start %s",
    async (_how, changes, sentence) => {
      const url = new URL(place.environment("api")["DATABASE_URL"] ?? "");
      url.password = "not-it";
      const wrong = url.href;
      url.username = "postgres";
      const asked = changes["DATABASE_URL"];
      const swapped = asked === "superuser" ? url.href : asked === "wrong password" ? wrong : asked;
      const part = place.start("api", {
        ...changes,
        POWERLOOM_API_PORT: "0",
        ...("DATABASE_URL" in changes ? { DATABASE_URL: swapped } : {}),
      });
      expect(await part.exited).toBe(1);
      expect(part.output()).toMatch(sentence);
    },
  );

  test("each part drains and ends with 0 when it is told to stop", { timeout: 90_000 }, async () => {
    for (const name of ["mcp", "api", "worker", "standin"]) {
      const part = running.get(name);
      part?.process.kill("SIGTERM");
      expect(part === undefined ? undefined : await endOf(part)).toEqual(well);
    }
  });
});
