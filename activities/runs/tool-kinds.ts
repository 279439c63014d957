import type { AgentDefinition } from "../../contracts/agent-definition.ts";
import type { ToolSpec } from "../../tools/spec.ts";

type Kind = Pick<ToolSpec, "name" | "readOnly" | "source">;

/** Doing it twice is the same as once: reads, whole files, and operations, which carry the step's idempotency key. */
export function mayRepeat(spec: Kind): boolean {
  return spec.readOnly || spec.name === "write_file" || spec.source.kind === "control_plane";
}

/** It takes moments: rows and small files, and nobody outside is asked, neither for the tool nor by a hook after it. */
export function isShort(spec: Kind, definition: Pick<AgentDefinition, "hooks">): boolean {
  const here = spec.source.kind === "workspace" || spec.source.kind === "runtime";
  const asksOutside = (definition.hooks.after_tool ?? []).some((hook) => "webhook" in hook);
  return here && mayRepeat(spec) && !asksOutside;
}
