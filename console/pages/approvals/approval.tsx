import { Anchor, Paper } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Page } from "../../parts/page.tsx";
import { Loaded } from "../../parts/states.tsx";
import { $api } from "../../wire/client.ts";
import { ApprovalDetail } from "./approval-detail.tsx";

const route = getRouteApi("/shell/approvals/$requestId");

/** One request that waits for a decision, or was decided, as a page of its own: where links lead. */
export function ApprovalPage() {
  const { requestId } = route.useParams();
  const query = $api.useQuery("get", "/approvals/{request_id}", { params: { path: { request_id: requestId } } });
  return (
    <Page
      title={query.data?.diff.summary ?? "Approval"}
      above={
        <Anchor component={Link} to="/approvals" inherit>
          Approvals
        </Anchor>
      }
    >
      <Loaded query={query} lines={8}>
        {(approval) => (
          <Paper withBorder p="md" maw={860}>
            <ApprovalDetail approval={approval} headings={2} />
          </Paper>
        )}
      </Loaded>
    </Page>
  );
}
