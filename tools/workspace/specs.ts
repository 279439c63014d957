import type { ToolSpec } from "../spec.ts";

const path = { type: "string", minLength: 1, maxLength: 4096, description: "Relative to the workspace root." };
const object = (properties: Record<string, unknown>, required: readonly string[]) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

export const readFileSpec: ToolSpec = {
  name: "read_file",
  summary: "Read a text file of the workspace, or some of its lines.",
  description:
    "Returns the text of a UTF-8 file of the workspace. `offset` is the first line, counted from 1, and `limit` the " +
    "number of lines. At most 256 kB come back in one call; `truncated` says that there is more: read on with `offset`.",
  inputSchema: object(
    { path, offset: { type: "integer", minimum: 1 }, limit: { type: "integer", minimum: 1, maximum: 1_000_000 } },
    ["path"],
  ),
  outputSchema: object(
    {
      path: { type: "string" },
      content: { type: "string" },
      total_lines: { type: "integer" },
      truncated: { type: "boolean" },
    },
    ["path", "content", "total_lines", "truncated"],
  ),
  risk: "low",
  readOnly: true,
  bootstrap: true,
  source: { kind: "workspace" },
};

export const writeFileSpec: ToolSpec = {
  name: "write_file",
  summary: "Write a text file of the workspace, replacing it when it exists.",
  description:
    "Writes `content` (UTF-8, at most 1 MB) as the whole text of a file of the workspace. Missing directories are " +
    "made; an existing file is replaced in one step and keeps its mode.",
  inputSchema: object({ path, content: { type: "string" } }, ["path", "content"]),
  outputSchema: object({ path: { type: "string" }, bytes: { type: "integer" }, created: { type: "boolean" } }, [
    "path",
    "bytes",
    "created",
  ]),
  risk: "medium",
  readOnly: false,
  bootstrap: false,
  source: { kind: "workspace" },
};

export const listDirectorySpec: ToolSpec = {
  name: "list_directory",
  summary: "List the files and directories of the workspace.",
  description:
    "Lists a directory of the workspace (its root when `path` is left out) by name, down to `depth` levels (1 to 5). " +
    "Symbolic links are shown, not followed. At most 2,000 entries come back; `truncated` says that there are more.",
  inputSchema: object({ path, depth: { type: "integer", minimum: 1, maximum: 5 } }, []),
  outputSchema: object(
    {
      path: { type: "string" },
      entries: {
        type: "array",
        items: object(
          {
            path: { type: "string" },
            type: { enum: ["file", "directory", "symlink", "other"] },
            bytes: { type: "integer" },
          },
          ["path", "type", "bytes"],
        ),
      },
      truncated: { type: "boolean" },
    },
    ["path", "entries", "truncated"],
  ),
  risk: "low",
  readOnly: true,
  bootstrap: true,
  source: { kind: "workspace" },
};
