import { Anchor, Button, Group, Select, Stack, Textarea } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type FormEvent, useRef, useState } from "react";
import { ReferenceSelect } from "../../forms/reference-select.tsx";
import { Page } from "../../parts/page.tsx";
import { Section } from "../../parts/section.tsx";
import { Problem } from "../../parts/states.tsx";
import { $api, api } from "../../wire/client.ts";
import { toProblem } from "../../wire/problem.ts";
import { BudgetFields } from "./budget-fields.tsx";
import { FilesField } from "./files-field.tsx";
import { ModelFields } from "./model-fields.tsx";
import { bodyOfRun, emptyRun, type RunDraft } from "./run-draft.ts";

/** Gives a task to agents. */
export function NewRun() {
  const me = $api.useQuery("get", "/me", {}, { staleTime: 60_000 });
  const definitions = $api.useQuery("get", "/agent-definitions", {}, { staleTime: 60_000 });
  const [draft, setDraft] = useState<RunDraft>(emptyRun);
  const navigate = useNavigate();
  // One key for one intention: sent twice, it is one run. What is changed is another.
  const key = useRef(crypto.randomUUID());
  const start = useMutation({
    mutationFn: () =>
      api.POST("/runs", { params: { header: { "Idempotency-Key": key.current } }, body: bodyOfRun(draft) }),
    onSuccess: async ({ data }) => {
      if (data !== undefined) await navigate({ to: `/runs/${data.id}` });
    },
  });
  const change = (part: Partial<RunDraft>) => {
    key.current = crypto.randomUUID();
    start.reset();
    setDraft((before) => ({ ...before, ...part }));
  };
  const faults = start.error === null ? [] : toProblem(start.error).fields;
  const faultOf = (pointer: string) => faults.find((fault) => fault.pointer === pointer)?.detail;
  const known = definitions.data?.data ?? [];
  const chosen = known.find(({ id }) => id === draft.agent);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    start.mutate();
  };
  return (
    <Page
      title="New run"
      subtitle="Agents plan, carry out and review a task for you, with your rights and no others"
      above={
        <Anchor component={Link} to="/runs" inherit>
          Runs
        </Anchor>
      }
    >
      <form onSubmit={submit} noValidate>
        <Stack gap="md">
          <Section title="Task">
            <Stack gap="sm">
              <Textarea
                label="Task"
                description="What is to be done, in plain words"
                withAsterisk
                autosize
                minRows={3}
                maxRows={16}
                value={draft.task}
                error={faultOf("/task")}
                onChange={(event) => change({ task: event.currentTarget.value })}
              />
              <ReferenceSelect
                reference="ou"
                label="Unit"
                description={`Where it runs and whose budget it uses. Left empty: your own, ${me.data?.home_ou_path ?? ""}`}
                error={faultOf("/ou")}
                value={draft.ou}
                onChange={(ou) => change({ ou: ou ?? "" })}
              />
              <Select
                label="Agent"
                description={chosen?.description ?? "Which agent definition begins"}
                data={known.map(({ id }) => id)}
                value={chosen?.id ?? null}
                error={faultOf("/agent")}
                onChange={(agent) => change({ agent: agent ?? "" })}
                allowDeselect={false}
                searchable
                nothingFoundMessage="There is no such agent definition"
              />
              {definitions.error === null ? null : <Problem error={definitions.error} />}
            </Stack>
          </Section>
          <BudgetFields draft={draft} onChange={change} faultOf={faultOf} />
          <ModelFields draft={draft} onChange={change} faultOf={faultOf} />
          <FilesField draft={draft} onChange={change} />
          {start.error === null ? null : <Problem error={start.error} />}
          <Group>
            <Button type="submit" loading={start.isPending} disabled={draft.task.trim() === ""}>
              Start the run
            </Button>
          </Group>
        </Stack>
      </form>
    </Page>
  );
}
