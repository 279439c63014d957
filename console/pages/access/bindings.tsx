import { Stack, Tabs } from "@mantine/core";
import { OperationButton } from "../../forms/operation-button.tsx";
import { ChoiceFilter, Filters, NamedTextFilter, oneOf, useFilters } from "../../parts/filters.tsx";
import { Page } from "../../parts/page.tsx";
import { useMay } from "../../wire/rights.ts";
import { BindingRows } from "./binding-rows.tsx";
import { RoleCards } from "./role-cards.tsx";

const roleNames = ["OrgAdmin", "OUAdmin", "AgentBuilder", "Approver", "Auditor", "Viewer", "AgentUser"] as const;

/** Who holds which role where, and what each role allows. */
export function Bindings() {
  const may = useMay();
  const { search, set } = useFilters();
  const role = oneOf(roleNames, search["role"]);
  const tab = search["tab"] === "roles" ? "roles" : "held";
  return (
    <Page
      title="Access"
      subtitle="A role held at a unit counts there and in all units below it"
      actions={
        may("binding:create") ? (
          <OperationButton
            label="Give a role"
            title="Give a role"
            explanation="To a person or to a group, at a unit and all below it."
            operation="binding.create"
            submitLabel="Give the role"
          />
        ) : null
      }
    >
      <Tabs value={tab} onChange={(value) => set({ tab: value === "roles" ? "roles" : undefined })} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="held">Who holds what</Tabs.Tab>
          <Tabs.Tab value="roles">What roles allow</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="held" pt="md">
          <Stack gap="md">
            <Filters>
              <NamedTextFilter name="user" label="Person" placeholder="Address" />
              <NamedTextFilter name="ou" label="Unit and below" placeholder="/acme/sales" />
              <ChoiceFilter name="role" label="Role" values={roleNames} />
            </Filters>
            <BindingRows
              label="Who holds what"
              filter={{
                ...(search["user"] === undefined ? {} : { user: search["user"] }),
                ...(search["ou"] === undefined ? {} : { ou: search["ou"] }),
                ...(role === undefined ? {} : { role }),
              }}
              empty="No role is held like that."
            />
          </Stack>
        </Tabs.Panel>
        <Tabs.Panel value="roles" pt="md">
          <RoleCards />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
