import { type MetaToolName, metaToolInputs, metaToolOutputs } from "../contracts/meta-tools.ts";
import { instructions } from "./instructions.ts";
import type { CallOutcome } from "./metrics.ts";
import { type Tool, type ToolSet, toolConfig } from "./tool-server.ts";
import { toolTexts } from "./tool-texts.ts";
import { metaTools } from "./tools/all.ts";

const toolNames = Object.keys(toolTexts) as MetaToolName[];

/** `powerloom_meta`: the eleven tools that look up, create and wire agents. */
export const metaToolSet: ToolSet = {
  name: "powerloom_meta",
  title: "Powerloom meta-agent tools",
  instructions,
  mostInputElements: 100,
  tools: toolNames.map((name) => ({
    name,
    config: toolConfig(toolTexts[name], metaToolInputs[name], metaToolOutputs[name]),
    output: metaToolOutputs[name],
    // The table pairs each name with its own input; the compiler cannot follow a name that varies.
    run: metaTools[name] as Tool["run"],
    outcomeOf: ({ status }) => (toolTexts[name].reads ? "read" : (status as CallOutcome)),
  })),
};
