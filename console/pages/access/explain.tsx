import { Autocomplete, Button, Grid, Stack } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { commands } from "../../../contracts/generated/commands.ts";
import { ReferenceSelect } from "../../forms/reference-select.tsx";
import { useFilters } from "../../parts/filters.tsx";
import { Page } from "../../parts/page.tsx";
import { Section } from "../../parts/section.tsx";
import { Empty, Loaded } from "../../parts/states.tsx";
import { $api } from "../../wire/client.ts";
import { Answer } from "./explain-answer.tsx";
import { useRoles } from "./roles.ts";

const operations = commands.filter(({ kind }) => kind === "operation").map(({ name }) => name);

/** Why somebody can, or cannot, do something somewhere. The question is in the address, so that it can be sent. */
export function Explain() {
  const { search, set } = useFilters();
  const { principal = "", permission = "", ou = "" } = search;
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  const query = $api.useQuery(
    "get",
    "/authority/explain",
    { params: { query: { permission, ou, ...(principal === "" ? {} : { principal }) } } },
    { enabled: permission !== "" && ou !== "", placeholderData: (before) => before },
  );
  return (
    <Page title="Why can, why can’t" subtitle="Which rule decides whether somebody may do something somewhere">
      <Grid gap="md">
        <Grid.Col span={{ base: 12, md: 5 }}>
          <Section title="Question">
            <Question
              key={`${principal} ${permission} ${ou}`}
              first={{
                principal: principal || (me.data?.email ?? ""),
                permission,
                ou: ou || (me.data?.home_ou_path ?? ""),
              }}
              onAsk={set}
            />
          </Section>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 7 }} aria-live="polite">
          {permission === "" || ou === "" ? (
            <Empty title="Ask something">For example: Emma, agent.create, /acme/sales.</Empty>
          ) : (
            <Loaded query={query}>{(explanation) => <Answer explanation={explanation} />}</Loaded>
          )}
        </Grid.Col>
      </Grid>
    </Page>
  );
}

interface Asked {
  principal: string;
  permission: string;
  ou: string;
}

function Question({ first, onAsk }: { first: Asked; onAsk: (asked: Record<keyof Asked, string>) => void }) {
  const [typed, setTyped] = useState<Partial<Asked>>({});
  const asked = { ...first, ...typed };
  const roles = useRoles();
  const permissions = [...new Set(roles.flatMap(({ permissions: of }) => of))].sort();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onAsk(asked);
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="sm">
        <ReferenceSelect
          reference="user"
          label="Who"
          description="Address of a person; others than yourself need the right to see bindings there"
          value={asked.principal}
          onChange={(principal) => setTyped({ ...typed, principal: principal ?? "" })}
        />
        <Autocomplete
          label="What"
          description="An operation or a permission"
          data={[
            { group: "Operations", items: operations },
            { group: "Permissions", items: permissions },
          ]}
          value={asked.permission}
          onChange={(permission) => setTyped({ ...typed, permission })}
          limit={80}
          autoComplete="off"
        />
        <ReferenceSelect
          reference="ou"
          label="Where"
          description="Path of a unit"
          value={asked.ou}
          onChange={(ou) => setTyped({ ...typed, ou: ou ?? "" })}
        />
        <Button type="submit" disabled={asked.permission === "" || asked.ou === ""}>
          Explain
        </Button>
      </Stack>
    </form>
  );
}
