import { Alert, Anchor, Button, Stack, Text } from "@mantine/core";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { OperationForm } from "../../forms/operation-form.tsx";
import { Diff } from "../../parts/diff.tsx";
import { Facts } from "../../parts/facts.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Page } from "../../parts/page.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import { bindsInWords, span } from "./binds.ts";
import { Enabled } from "./policies.tsx";

const route = getRouteApi("/shell/approval-policies/$policyId");
type Policy = Shown["ApprovalPolicy"];

/** One approval policy: whom it binds, and changing it. */
export function PolicyPage() {
  const { policyId } = route.useParams();
  const query = $api.useQuery("get", "/approval-policies/{policy_id}", { params: { path: { policy_id: policyId } } });
  const may = useMay();
  return (
    <Page
      title={query.data?.name ?? "Approval policy"}
      above={
        <Anchor component={Link} to="/approval-policies" inherit>
          Approval policies
        </Anchor>
      }
    >
      <Loaded query={query} lines={6}>
        {(policy) => (
          <Stack gap="md">
            <Section title="Whom it binds" actions={<Enabled enabled={policy.enabled} />}>
              <Text size="sm" mb="sm">
                {bindsInWords(policy)}
              </Text>
              <Facts facts={factsOf(policy)} />
            </Section>
            {may("policy:update", policy.ou_path) ? (
              <Section title="Change it">
                <Change policy={policy} />
              </Section>
            ) : null}
          </Stack>
        )}
      </Loaded>
    </Page>
  );
}

const factsOf = (policy: Policy) =>
  [
    ["Binds at", policy.ou_path],
    ["Operations", policy.operations.join(", ")],
    ["Needs", `${policy.approvals_needed} by ${policy.approver_role}`],
    ["Expires after", span(policy.expires_after_seconds)],
    ["Version", String(policy.version)],
    ["Created", <Moment key="created" at={policy.created_at} absolute />],
    ["Changed", <Moment key="changed" at={policy.updated_at} absolute />],
  ] as const;

const changeable = ({ operations, approver_role, approvals_needed, expires_after_seconds, enabled }: Policy) => ({
  enabled,
  operations,
  approver_role,
  approvals_needed,
  expires_after_seconds,
});

/** The form, filled with what was loaded when it was opened: what somebody else changes meanwhile is shown, not overwritten. */
function Change({ policy }: { policy: Policy }) {
  const [opened, setOpened] = useState<Policy>();
  if (opened === undefined)
    return (
      <Stack gap="xs" align="flex-start">
        <Text size="sm" c="dimmed">
          What waits under the policy as it is now has to be asked for again.
        </Text>
        <Button variant="default" onClick={() => setOpened(policy)}>
          Edit
        </Button>
      </Stack>
    );
  return (
    <Stack gap="sm">
      {opened.version === policy.version ? null : (
        <Alert color="yellow" title="Somebody has changed this policy meanwhile" role="alert">
          <Diff before={changeable(opened)} after={changeable(policy)} />
          <Button mt="xs" size="xs" variant="default" onClick={() => setOpened(policy)}>
            Begin anew with this version
          </Button>
        </Alert>
      )}
      <OperationForm
        key={opened.version}
        operation="policy.update"
        submitLabel="Change policy"
        fixed={{ policy_id: opened.id }}
        initial={changeable(opened)}
        fields={Object.keys(changeable(opened))}
        ifMatch={`"${opened.version}"`}
        onApplied={() => setOpened(undefined)}
      />
    </Stack>
  );
}
