import { credentialView } from "../../contracts/views.ts";
import { mutate } from "./mutate.ts";
import type { ToolFunction } from "./tool-call.ts";
import { waitingMessage } from "./waiting-message.ts";

// The omission is the second lock: the API reveals no secret to a delegated token in the first place.
const shownCredential = credentialView.omit({ secret: true });

/** Mints the bearer of an agent for an attached server; its secret is never shown. */
export const createCredential: ToolFunction<"create_credential"> = async (caller, input) => {
  const { agent_id, ...body } = input;
  const answer = await mutate(caller, {
    tool: "create_credential",
    operation: "credential.create",
    path: `/agents/${agent_id}/credentials`,
    args: input,
    body,
  });
  if (answer.status !== "applied") {
    const words = { change: "Minting the credential", consequence: "The credential will be minted" };
    return { status: answer.status, request_id: answer.requestId, message: waitingMessage(answer, words, undefined) };
  }
  const credential = shownCredential.safeParse(answer.resource).data;
  if (credential === undefined) return { status: "applied", message: "Minted the credential." };
  const lifetime =
    credential.kind === "session_bound"
      ? "A new bearer is minted for each session."
      : `It is sealed${credential.expires_at === null ? "" : ` and expires at ${credential.expires_at}`}.`;
  return {
    status: "applied",
    message: `Minted a credential for MCP server \`${credential.mcp_server_name}\` (ID: \`${credential.id}\`). ${lifetime}`,
    credential,
  };
};
