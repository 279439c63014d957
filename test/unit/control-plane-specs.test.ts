import { describe, expect, test } from "vitest";
import { controlPlaneSpecs } from "../../activities/runs/control-plane-specs.ts";
import { controlPlaneTools } from "../../contracts/control-plane-tools.ts";
import { delegableReads } from "../../contracts/reads.ts";
import { operations } from "../../operations/registry.ts";
import { contextHash, contextKey } from "../../tools/context-key.ts";
import { createRegistry } from "../../tools/registry.ts";
import { checkArguments } from "../../tools/validate.ts";

const registry = createRegistry(controlPlaneSpecs);
const id = "01890000-0000-7000-8000-000000000000";

describe("tools of the control plane", () => {
  test("are all that may be delegated, under the names definitions know, and found by search only", () => {
    const names = [...operations.filter(({ delegable }) => delegable).map(({ name }) => name), ...delegableReads];
    expect(controlPlaneSpecs.map(({ source }) => source)).toEqual(
      expect.arrayContaining(names.map((operation) => ({ kind: "control_plane", operation }))),
    );
    expect(controlPlaneSpecs.map(({ name }) => name).sort()).toEqual([...controlPlaneTools.keys()].sort());
    expect(registry.bootstrap()).toEqual([]);
    for (const spec of controlPlaneSpecs) {
      const operation = operations.find(({ name }) => name === controlPlaneTools.get(spec.name)?.name);
      expect(spec).toMatchObject(
        operation === undefined ? { readOnly: true, risk: "low" } : { readOnly: false, risk: operation.risk },
      );
    }
  });

  test.each([
    ["agent_create", { name: "a", ou: "/a" }, true],
    ["agent_create", { name: "a" }, false],
    ["agent_create", { name: "A b", ou: "/a" }, false],
    ["agent_create", { name: "a", ou: "/a", sub: "somebody" }, false],
    ["agent_attach_skill", { agent_id: id, skill_id: id }, true],
    ["agent_attach_skill", { agent_id: "../users", skill_id: id }, false],
    ["agent_get", { agent_id: id }, true],
    ["agent_get", {}, false],
    ["agent_get", { agent_id: ".." }, false],
    ["user_get", { user: "ada@example.com" }, true],
    ["agent_list", { ou: "/a", limit: 3 }, true],
    ["agent_list", { limit: 1_000 }, false],
  ])("%s with %j is valid: %s", (name, args, valid) => {
    const spec = registry.get(name);
    if (spec === undefined) throw new Error(`no tool ${name}`);
    expect(checkArguments(spec, args).ok).toBe(valid);
  });

  test("share an elevation only when every argument is the same", () => {
    const hash = (args: object) => contextHash("operator", "agent_create", contextKey("agent_create", args));
    const one = { name: "a", ou: "/a", system_prompt: "p".repeat(5_000) };
    const { name, ou, system_prompt } = one;
    expect(hash({ system_prompt, ou, name })).toBe(hash(one));
    for (const other of [
      { ...one, ou: "/b" },
      { ...one, owner: "somebody@example.com" },
      { ...one, system_prompt: `${"p".repeat(4_999)}q` },
    ])
      expect(hash(other)).not.toBe(hash(one));
  });
});
