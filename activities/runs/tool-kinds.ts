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

/**
 * It looks at a small file and at nothing else: fit to be carried out inside the transaction that admits it. Cut off, there is
 * no trace of it, and it is done again.
 */
export function isLook(spec: Kind, definition: Pick<AgentDefinition, "hooks">): boolean {
  return spec.source.kind === "workspace" && spec.readOnly && isShort(spec, definition);
}
