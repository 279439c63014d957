import { Anchor } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Facts } from "../../parts/facts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { ThingLink } from "../../parts/thing-link.tsx";
import { $api, type Shown } from "../../wire/client.ts";

/** Who asked for a change, through what, where, about what, and where its workflow is. */
export function RequestFacts({ request }: { request: Shown["Request"] }) {
  const environment = $api.useQuery("get", "/environment", {}, { staleTime: 300_000 });
  const { actor, session_id: session, target, workflow_id: workflow } = request;
  const { temporal_ui_url: ui, temporal_namespace: namespace } = environment.data ?? {};
  const facts: (readonly [string, ReactNode])[] = [
    ["Asked for by", request.requester_email],
    ...(actor === null ? [] : [["Through", <ThingLink key="actor" reference={actor} />] as const]),
    ...(session === null ? [] : [["In", <ThingLink key="session" reference={`session:${session}`} />] as const]),
    ...(request.ou_path === null ? [] : [["At", request.ou_path] as const]),
    ...(target === null
      ? []
      : [["About", <ThingLink key="target" reference={`${target.type}:${target.id}`} />] as const]),
    ["Asked", <Moment key="asked" at={request.created_at} absolute />],
    ...(request.finished_at === null
      ? [["Expires", <Moment key="expires" at={request.expires_at} absolute />] as const]
      : [["Ended", <Moment key="ended" at={request.finished_at} absolute />] as const]),
    ...(request.status === "pending_approval"
      ? [
          [
            "Decision",
            <Anchor key="approval" component={Link} to={`/approvals/${request.id}`} inherit>
              in the inbox
            </Anchor>,
          ] as const,
        ]
      : []),
    ["Id", request.id],
    [
      "Workflow",
      typeof ui === "string" ? (
        <Anchor
          key="workflow"
          href={`${ui}/namespaces/${encodeURIComponent(namespace ?? "")}/workflows/${encodeURIComponent(workflow)}`}
          target="_blank"
          rel="noreferrer"
          inherit
        >
          {workflow}
        </Anchor>
      ) : (
        workflow
      ),
    ],
  ];
  return <Facts facts={facts} />;
}
