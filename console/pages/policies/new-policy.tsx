import { Anchor, Paper } from "@mantine/core";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { OperationForm } from "../../forms/operation-form.tsx";
import { Page } from "../../parts/page.tsx";

const route = getRouteApi("/shell/approval-policies/new");

/** Makes changes in an OU wait for approval. */
export function NewPolicy() {
  const { ou } = route.useSearch();
  const navigate = useNavigate();
  return (
    <Page
      title="New approval policy"
      above={
        <Anchor component={Link} to="/approval-policies" inherit>
          Approval policies
        </Anchor>
      }
    >
      <Paper withBorder p="md">
        <OperationForm
          operation="policy.create"
          submitLabel="Create policy"
          initial={ou === undefined ? {} : { ou }}
          onApplied={({ id }) => void navigate({ to: `/approval-policies/${String(id)}` })}
        />
      </Paper>
    </Page>
  );
}
