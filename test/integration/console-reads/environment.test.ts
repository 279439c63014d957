import { describe, expect, test } from "vitest";
import { readConfig } from "../../../config.ts";
import { powerloomVersion } from "../../../core/version.ts";
import manifest from "../../../package.json" with { type: "json" };
import { makeOrganisation, sharedStack } from "../../support/organisation.ts";
import { call, expireBindingsOf, withRole } from "../governance/stage.ts";

describe("the environment", () => {
  test("is told to everybody who is signed in, and to nobody else", async () => {
    const organisation = await makeOrganisation("environment");
    const person = await organisation.person("plain");
    const { apiUrl, mcpUrl, temporalNamespace } = sharedStack();
    const { temporal_ui_url, ...told } = await person.get<Record<string, unknown>>("/environment");
    expect(told).toEqual({
      mode: "dev",
      environment: "development",
      version: manifest.version,
      provider: "stand-in",
      api_url: apiUrl,
      mcp_url: mcpUrl,
      temporal_namespace: temporalNamespace,
    });
    expect((await fetch(String(temporal_ui_url))).ok).toBe(true);
    expect(powerloomVersion).toBe(manifest.version);
    expect((await fetch(`${apiUrl}/environment`)).status).toBe(401);
  });

  const needed = {
    POWERLOOM_MCP_CLIENT_SECRET: "a-secret-of-sixteen",
    POWERLOOM_SEALING_KEY: Buffer.alloc(32).toString("base64url"),
    DATABASE_URL: "postgres://db",
  };

  test.each([
    [{ ANTHROPIC_BASE_URL: "https://api.anthropic.com/" }, "anthropic"],
    [{ ANTHROPIC_API_KEY: "sk", POWERLOOM_MCP_PUBLIC_URL: "https://mcp.example/mcp" }, "anthropic"],
    [{ ANTHROPIC_BASE_URL: "http://standin:4010", POWERLOOM_STAND_IN_URL: "http://standin:4010/" }, "stand-in"],
    [{ ANTHROPIC_BASE_URL: "https://gateway.example", POWERLOOM_STAND_IN_URL: "http://standin:4010" }, "other"],
    [{ ANTHROPIC_BASE_URL: "https://api.anthropic.com.example" }, "other"],
  ])("with %j the provider is called %s", (given, provider) => {
    expect(readConfig({ ...needed, ...given }).provider).toBe(provider);
  });

  test.each([
    [{}, "production"],
    [{ POWERLOOM_MODE: "dev" }, "development"],
    [{ POWERLOOM_MODE: "dev", POWERLOOM_ENVIRONMENT: "staging" }, "staging"],
  ])("with %j it is called %s", (given, name) => {
    expect(readConfig({ ...needed, ANTHROPIC_BASE_URL: "http://x", ...given }).environment).toBe(name);
  });
});

describe("what somebody may do", () => {
  type Permissions = { data: { permission: string; ou_paths: string[] }[] };
  const at = ({ data }: Permissions, permission: string) =>
    data.find((granted) => granted.permission === permission)?.ou_paths ?? [];

  test("is told for every permission, from the topmost OUs downwards, through groups too, as long as it lasts", async () => {
    const organisation = await makeOrganisation("permissions");
    const { admin, root } = organisation;
    const sales = await organisation.ou(`${root}/sales`);
    const north = await organisation.ou(`${sales}/north`);
    const hr = await organisation.ou(`${root}/hr`);
    const person = await withRole(organisation, "AgentBuilder", "builder", sales);
    for (const ou of [north, hr]) await admin.make("/bindings", { role: "Auditor", ou, user: person.email });
    const group = await admin.make<{ id: string }>("/groups", { name: "all", ou: root });
    await admin.make("/bindings", { role: "AgentUser", ou: hr, group_id: group.id });
    await admin.make(`/groups/${group.id}/members`, { user: person.email });

    const held = await person.get<Permissions>("/me/permissions");
    expect(at(held, "agent:create")).toEqual([sales]);
    expect(at(held, "audit:read")).toEqual([hr, north]);
    expect(at(held, "agent:invoke")).toEqual([hr, sales]);
    expect(at(held, "policy:create")).toEqual([]);
    const all = await admin.get<Permissions>("/me/permissions");
    expect(at(all, "policy:create")).toEqual([root]);
    expect(all.data.map(({ permission }) => permission)).toEqual(
      all.data.map(({ permission }) => permission).toSorted(),
    );
    // What is told is what is granted: `explain` decides each of them by itself.
    for (const { permission, ou_paths } of held.data)
      for (const ou of [root, sales, north, hr]) {
        const { effect } = await person.get<{ effect: string }>(
          `/authority/explain?permission=${permission}&ou=${encodeURIComponent(ou)}`,
        );
        const told = ou_paths.some((path) => ou === path || ou.startsWith(`${path}/`));
        expect([permission, ou, effect]).toEqual([permission, ou, told ? "allow" : "deny"]);
      }

    await expireBindingsOf(person);
    expect(at(await person.get("/me/permissions"), "agent:create")).toEqual([]);
    const plain = await organisation.person("plain");
    expect((await call(plain, "GET", "/me/permissions")).body).toEqual({ data: [] });
  });
});
