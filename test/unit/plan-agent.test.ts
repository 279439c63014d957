import { describe, expect, test } from "vitest";
import { type AgentDefinition, desiredToolsets, type ObservedAgent } from "../../core/reconcile/agent-definition.ts";
import { foreignEdit } from "../../core/reconcile/drift.ts";
import { differences, planAgent } from "../../core/reconcile/plan-agent.ts";

const desired: AgentDefinition = {
  name: "helper",
  description: "Helps",
  system: "Be kind",
  model: "claude-sonnet-5-5",
  mcpServers: [
    { name: "one", url: "https://one.example/mcp", policy: "always_allow" },
    { name: "two", url: "https://two.example/mcp", policy: "always_ask" },
  ],
  skills: [
    { skillId: "s1", version: "1" },
    { skillId: "s2", version: "4" },
  ],
  metadata: { powerloom_agent: "a1" },
};
const observe = (definition: AgentDefinition, more: Partial<ObservedAgent> = {}): ObservedAgent => ({
  id: "agent_1",
  version: 3,
  archived: false,
  name: definition.name,
  description: definition.description,
  system: definition.system,
  model: definition.model,
  mcpServers: definition.mcpServers.map(({ name, url }) => ({ name, url })),
  skills: definition.skills,
  metadata: definition.metadata,
  toolsets: desiredToolsets(definition),
  ...more,
});

describe("what the reconciler does", () => {
  test.each<[string, AgentDefinition | "deleted", ObservedAgent | undefined, object]>([
    ["nothing is there", desired, undefined, { action: "create" }],
    ["it is as wanted", desired, observe(desired), { action: "none" }],
    ["somebody archived it", desired, observe(desired, { archived: true }), { action: "create" }],
    ["it is to go", "deleted", observe(desired), { action: "archive", id: "agent_1" }],
    ["it is to go and has gone", "deleted", observe(desired, { archived: true }), { action: "none" }],
    ["it is to go and never was", "deleted", undefined, { action: "none" }],
    [
      "a text differs",
      desired,
      observe(desired, { system: "x" }),
      { action: "update", id: "agent_1", version: 3, differs: [{ field: "system", wanted: "Be kind", found: "x" }] },
    ],
  ])("when %s", (_, wanted, observed, plan) => {
    expect(planAgent(wanted, observed)).toEqual(plan);
  });
});

describe("a difference", () => {
  test.each<[string, Partial<ObservedAgent>, string[]]>([
    ["in each text is named", { name: "x", description: "x", model: "x" }, ["name", "description", "model"]],
    [
      "in the order of servers and skills is none",
      { mcpServers: [...observe(desired).mcpServers].reverse(), skills: [...desired.skills].reverse() },
      [],
    ],
    [
      "in a server's URL counts",
      {
        mcpServers: [
          { name: "one", url: "https://evil.example/mcp" },
          { name: "two", url: "https://two.example/mcp" },
        ],
      },
      ["mcp_servers"],
    ],
    [
      "in a skill's version counts",
      {
        skills: [
          { skillId: "s1", version: "2" },
          { skillId: "s2", version: "4" },
        ],
      },
      ["skills"],
    ],
    ["of somebody else's metadata is theirs", { metadata: { powerloom_agent: "a1", theirs: "x" } }, []],
    ["of our metadata counts", { metadata: { theirs: "x" } }, ["metadata"]],
    [
      "in a permission policy counts",
      {
        toolsets: desiredToolsets({
          ...desired,
          mcpServers: desired.mcpServers.map((server) => ({ ...server, policy: "always_allow" as const })),
        }),
      },
      ["tools"],
    ],
  ])("%s", (_, more, differs) => {
    expect(differences(desired, observe(desired, more)).map(({ field }) => field)).toEqual(differs);
  });

  test("in tools: every policy is written out, and bash is off even where skills need to read", () => {
    expect(desiredToolsets({ ...desired, skills: [] }).map((toolset) => toolset.type)).toEqual([
      "mcp_toolset",
      "mcp_toolset",
    ]);
    const builtIn = desiredToolsets(desired).at(-1);
    expect(builtIn).toMatchObject({
      type: "agent_toolset_20260401",
      enabled: false,
      exceptions: [{ name: "read", enabled: true, policy: "always_allow" }],
    });
  });
});

describe("a foreign edit", () => {
  const edited = planAgent(desired, observe(desired, { version: 4, system: "theirs" }));
  const pushed = { generation: 7, syncedGeneration: 7, id: "agent_1", version: 3 };

  test("is what differs in another version than ours, of a generation that had been pushed", () => {
    expect(foreignEdit(edited, pushed)).toEqual({
      providerVersion: 4,
      fields: [{ field: "system", wanted: "Be kind", found: "theirs" }],
    });
  });

  test("is also that it is not there any more", () => {
    const plan = planAgent(desired, observe(desired, { archived: true }));
    expect(foreignEdit(plan, pushed)).toMatchObject({ providerVersion: 3, fields: [{ field: "presence" }] });
  });

  test.each([
    ["a change of ours that has not been pushed yet", edited, { ...pushed, syncedGeneration: 6 }],
    ["a first creation", planAgent(desired, undefined), { ...pushed, id: null }],
    ["what we want otherwise now, in the version we left", edited, { ...pushed, version: 4 }],
    ["an agent as it should be", planAgent(desired, observe(desired, { version: 9 })), pushed],
    ["an agent that is to go", planAgent("deleted", observe(desired, { version: 9, system: "theirs" })), pushed],
  ])("is not %s", (_, plan, record) => {
    expect(foreignEdit(plan, record)).toBeUndefined();
  });
});
