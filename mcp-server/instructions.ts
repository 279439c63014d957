/** What a client is told about the server before it lists the tools. */
export const instructions = `Provisions governed AI agents in Powerloom for the person you act for, with exactly their rights: every call is checked, audited and done in their name. Nothing here approves a request or changes a policy.

Work in dependency order:
1. Look first: list_ous, describe_user (the owner, by email), list_mcp_servers, list_skills; list_agents for what exists already.
2. create_agent, in the OU the person named. If they named none, ask them; never guess an OU.
3. attach_skill_to_agent and attach_mcp_server_to_agent, once for each.
4. create_credential for every attached MCP server: without one the agent cannot reach it.
5. Say what was done, with the ids.

A mutation answers with a status. applied: done. pending_approval: a person decides first; pass the message on, and do not call again to hurry it. received: stored and not decided yet; the same call with the same arguments asks again and never does it twice. needs_input: ask the person what "ask" says.

An error is the API's own problem document. Pass its facts on as they are: what is missing, where, and who can grant it. Do not work around a refusal.`;
