import { Alert, Anchor, Badge, Group, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Text as Block, textOf } from "../../parts/value.tsx";
import { ApprovalCard } from "./approval-card.tsx";
import type { Call } from "./entries.ts";
import classes from "./entry.module.css";
import { isOwnServer, oneLine } from "./tool-result.ts";

/** A tool call: what it was asked with, how it went, and what it answered; a refusal as it was. */
export function ToolCall({ call }: { call: Call }) {
  const [open, setOpen] = useState(false);
  const { server, tool, input, asked, result } = call;
  const brief = oneLine(
    Object.entries(input)
      .map(([name, value]) => `${name}: ${textOf(value)}`)
      .join(", "),
    160,
  );
  return (
    <Stack gap={6} className={classes["entry"] ?? ""}>
      <details className={classes["call"]} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <span className={classes["tool"]}>
            {server === "" || isOwnServer(server) ? "" : `${server}.`}
            {tool}
          </span>
          <How call={call} />
          <span className={classes["brief"]}>{brief}</span>
        </summary>
        {open ? (
          <Stack gap={6} py="xs">
            <Text size="xs" c="dimmed">
              Asked with{server === "" ? "" : `, of the MCP server ${server}`}
            </Text>
            <Block block={textOf(input)} />
            {result === null ? null : (
              <>
                <Text size="xs" c="dimmed">
                  Answered
                </Text>
                <Block block={pretty(result.text)} />
              </>
            )}
          </Stack>
        ) : null}
      </details>
      {result === null || open || result.problem !== undefined ? null : (
        <Text size="xs" c="dimmed" pl="md" lineClamp={2} style={{ overflowWrap: "anywhere" }}>
          {result.summary || "no answer in words"}
        </Text>
      )}
      {asked?.decision === "deny" ? (
        <Text size="xs">An approver denied the call{asked.reason === "" ? "." : `: ${asked.reason}`}</Text>
      ) : null}
      {result?.problem === undefined ? null : (
        <Alert color="red" p="xs" title={`${result.problem.status} ${result.problem.title}`}>
          <Text size="sm" style={{ overflowWrap: "anywhere" }}>
            {result.problem.detail}
          </Text>
        </Alert>
      )}
      {tool !== "create_agent" || result?.agentId === undefined ? null : (
        <Group>
          <Anchor component={Link} to={`/agents/${result.agentId}`} size="sm">
            Open the agent
          </Anchor>
        </Group>
      )}
      {result?.requestId === undefined ? null : <ApprovalCard requestId={result.requestId} summary="" />}
    </Stack>
  );
}

function How({ call: { result, asked } }: { call: Call }) {
  if (result !== null)
    return result.isError ? (
      <Badge color="red" style={{ flex: "none" }}>
        failed
      </Badge>
    ) : (
      <Badge color="teal" style={{ flex: "none" }}>
        done
      </Badge>
    );
  if (asked?.decision === null)
    return (
      <Badge color="yellow" style={{ flex: "none" }}>
        waits for approval
      </Badge>
    );
  return (
    <Badge color="blue" style={{ flex: "none" }}>
      running
    </Badge>
  );
}

/** JSON with its lines; all else as it is. */
function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
