import { agentDetailView, ouView } from "../../contracts/views.ts";
import { mutate } from "./mutate.ts";
import { allPages } from "./pages.ts";
import type { Caller, ToolFunction } from "./tool-call.ts";
import { waitingMessage } from "./waiting-message.ts";

/** How many OUs a question names before it becomes a wall. */
const mostSuggestions = 20;

/** Creates an agent in the OU that was named, or asks for one. */
export const createAgent: ToolFunction<"create_agent"> = async (caller, input) => {
  if (input.ou === undefined || input.ou.trim() === "") return askForOu(caller, input);
  const answer = await mutate(caller, {
    tool: "create_agent",
    operation: "agent.create",
    path: "/agents",
    args: input,
    body: input,
  });
  if (answer.status !== "applied") {
    const words = { change: "Agent creation", consequence: "The agent will be created" };
    return { status: answer.status, request_id: answer.requestId, message: waitingMessage(answer, words, input.ou) };
  }
  // It is created even if its description should not be readable: an error now would be a lie.
  const agent = agentDetailView.safeParse(answer.resource).data;
  if (agent === undefined) return { status: "applied", message: `Created agent \`${input.name}\` in \`${input.ou}\`.` };
  return {
    status: "applied",
    message: `Created agent \`${agent.name}\` (ID: \`${agent.id}\`) in \`${agent.ou_path}\`, owned by ${agent.owner_email}, on ${agent.model}. The reconciler pushes it to the provider within a few seconds.`,
    agent,
  };
};

/** Only the person knows where the agent belongs: nothing is created, and no OU is guessed. */
async function askForOu({ delegate }: Caller, { name, owner }: { name: string; owner?: string | undefined }) {
  const ous = await allPages(await delegate("ou.list"), "/ous", ouView);
  const paths = ous.map(({ path }) => path).sort();
  const shown = paths.slice(0, mostSuggestions).map((path) => `\`${path}\``);
  const more = paths.length - shown.length;
  const choice =
    paths.length === 0
      ? "You can see no OU; an OrgAdmin can grant you a role in one."
      : `You can see ${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}.`;
  return {
    status: "needs_input" as const,
    message: `Nothing was created yet: \`${name}\` needs an OU to live in.`,
    ask: [
      `Which OU should \`${name}\` be created in? ${choice}`,
      ...(owner === undefined
        ? ["Who should own it? Unless you name somebody (by email), you will be the owner."]
        : []),
    ],
  };
}
