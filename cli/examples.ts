import type { CommandParameter, CommandSpec } from "../contracts/generated/commands.ts";

/** Examples worth more than what a spec alone gives. */
const written: Readonly<Record<string, readonly string[]>> = {
  "agent.create": [
    'agents create --name reviewer --ou /acme/engineering --system-prompt "Review pull requests."',
    "agents create --name reviewer --ou /acme/engineering --from-file system_prompt=prompt.md --wait",
    "agents create --name reviewer --ou /acme/engineering --dry-run",
  ],
  "agent.get": ["agents get reviewer", "agents get /acme/engineering/reviewer --json"],
  "agent.list": ["agents list --ou /acme/engineering"],
  "agent.update": ["agents update reviewer --model claude-opus-5-5 --if-match 3"],
  "skill.create": [
    'skills create --name sql-review --ou /acme --description "Reviews SQL" --from-file content=SKILL.md',
  ],
  "policy.create": [
    "approval-policies create --name agents-need-two --ou /acme/production --operations agent.create,agent.update --approvals-needed 2",
  ],
  "binding.create": ["bindings create --role AgentBuilder --ou /acme/sales --user emma@acme.com"],
  "governance.set_mode": [
    'governance set-mode --mode READ_ONLY --reason "Something is wrong, nobody changes anything"',
    'governance set-mode --mode BYPASS --duration-seconds 1800 --reason "Migration night" --wait',
  ],
  "budget.set": ["budgets set <ou_id> --tokens-limit 5000000 --cost-usd-limit none"],
  "approval.vote": [
    "approvals vote req_0123 --decision approve",
    'approvals vote req_0123 --decision deny --reason "The wrong OU"',
  ],
  "authority.explain": ["authority explain --permission agent:create --ou /acme/sales --principal emma@acme.com"],
};

const samples: Readonly<Record<string, string>> = {
  agent_id: "reviewer",
  ou: "/acme/engineering",
  parent: "/acme",
  home_ou: "/acme/sales",
  user: "emma@acme.com",
  email: "emma@acme.com",
  request_id: "req_0123",
  name: "example",
  display_name: '"Example"',
  description: '"An example"',
  url: "https://mcp.example.com/mcp",
  content: '"…"',
  prompt: '"What can you do?"',
  text: '"And then?"',
};

/** The text below a command's help: how it is called. */
export function examplesOf(spec: CommandSpec): string {
  const lines = written[spec.name] ?? [made(spec)];
  return exampleText(lines);
}

/** Examples as help text. */
export function exampleText(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  powerloom ${line}`).join("\n")}`;
}

function made(spec: CommandSpec): string {
  const words = spec.params
    .filter((parameter) => parameter.required)
    .map((parameter) =>
      parameter.in === "path" ? sample(parameter) : `--${parameter.name.replaceAll("_", "-")} ${sample(parameter)}`,
    );
  return [spec.command, ...words].join(" ");
}

function sample(parameter: CommandParameter): string {
  return parameter.enum?.[0] ?? samples[parameter.name] ?? `<${parameter.name}>`;
}
