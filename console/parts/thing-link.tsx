import { Anchor } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { ShortId } from "./short-id.tsx";

/** Kinds of things that have a page of their own, and where it is. */
const pages: Readonly<Record<string, string>> = {
  agent: "/agents",
  approval: "/approvals",
  group: "/groups",
  mcp_server: "/mcp-servers",
  policy: "/approval-policies",
  run: "/runs",
  session: "/sessions",
  skill: "/skills",
  user: "/users",
};

/** Where something is shown that the API names as `type:id`; undefined when it has no page. */
function pageOf(reference: string): string | undefined {
  const cut = reference.indexOf(":");
  const [type, id] = [reference.slice(0, cut), reference.slice(cut + 1)];
  if (cut < 1 || id === "") return undefined;
  // Requests of runs and sessions to do something are approvals; only mutations have a history of their own.
  const root = type === "request" ? (id.startsWith("req_") ? "/requests" : "/approvals") : pages[type];
  return root === undefined ? undefined : `${root}/${encodeURIComponent(id)}`;
}

/** Something that the API names as `type:id`, as a link to its page, or as text when it has none. */
export function ThingLink({ reference }: { reference: string }) {
  const cut = reference.indexOf(":");
  const [type, id] = [reference.slice(0, cut), reference.slice(cut + 1)];
  const to = pageOf(reference);
  if (to === undefined) return <span style={{ overflowWrap: "anywhere" }}>{reference}</span>;
  return (
    <Anchor underline="always" component={Link} to={to} inherit>
      {type.replaceAll("_", " ")} <ShortId id={id} />
    </Anchor>
  );
}
