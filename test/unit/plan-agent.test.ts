import { describe, expect, test } from "vitest";
import {
  type AgentDefinition,
  desiredToolsets,
  digestToolsets,
  type ObservedAgent,
} from "../../core/reconcile/agent-definition.ts";
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
  toolsDigest: digestToolsets(desiredToolsets(definition)),
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
      { action: "update", id: "agent_1", version: 3, differs: ["system"] },
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
        toolsDigest: digestToolsets(
          desiredToolsets({
            ...desired,
            mcpServers: desired.mcpServers.map((server) => ({ ...server, policy: "always_allow" as const })),
          }),
        ),
      },
      ["tools"],
    ],
  ])("%s", (_, more, differs) => {
    expect(differences(desired, observe(desired, more))).toEqual(differs);
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
