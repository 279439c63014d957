import { Alert, Anchor, Button, Grid, Group, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { Problem } from "../parts/states.tsx";
import { queryClient } from "../wire/client.ts";
import { toProblem } from "../wire/problem.ts";
import { Field } from "./field.tsx";
import { type Sent, send, specOf, type Values } from "./send.ts";
import { useTryOut } from "./use-try-out.ts";
import { Verdict } from "./verdict.tsx";

/**
 * The form of any governed mutation, made from its declaration. While it is filled in it says what is missing, what would
 * change and whether people would be asked first; nothing is done before it is sent.
 */
export function OperationForm({
  operation,
  submitLabel,
  fixed = {},
  initial = {},
  fields,
  ifMatch,
  onlyChanged = false,
  onConflict,
  onApplied,
  danger = false,
}: {
  operation: string;
  submitLabel: string;
  /** Values that are not asked for. */
  fixed?: Values;
  initial?: Values;
  /** Which fields are asked for, in this order. Default: all that are not fixed. */
  fields?: readonly string[];
  /** ETag of what is changed: somebody else's change in between is refused. */
  ifMatch?: string;
  /** Leave out what is as it was in `initial`. */
  onlyChanged?: boolean;
  /** It is no longer what `ifMatch` says. Must stay the same function. */
  onConflict?: () => unknown;
  onApplied: (result: Readonly<Record<string, unknown>>) => void;
  danger?: boolean;
}) {
  const spec = specOf(operation);
  const [values, setValues] = useState<Values>(() => ({ ...defaultsOf(operation), ...initial }));
  const [touched, setTouched] = useState(false);
  // One key for one intention: sent twice, as when no answer came, it is done once. A refusal leaves the key free. Changed
  // values are another intention.
  const key = useRef(crypto.randomUUID());
  const unchanged = onlyChanged && Object.keys(changedOf(values, initial)).length === 0;
  const all = { ...(onlyChanged ? changedOf(values, initial) : values), ...fixed };
  const verdict = useTryOut(operation, all, { ifMatch, enabled: !unchanged });
  const sending = useMutation({
    mutationFn: () => send(operation, all, { idempotencyKey: key.current, ifMatch }),
    onSuccess: async (sent: Sent) => {
      await queryClient.invalidateQueries();
      if (sent.status === "applied") onApplied(sent.result);
    },
    // An answer may hold a secret that is shown once: it is kept no longer than its form.
    gcTime: 0,
  });

  const asked = (fields ?? spec.params.map(({ name }) => name)).flatMap((name) => {
    const parameter = spec.params.find((param) => param.name === name);
    return parameter === undefined || name in fixed ? [] : [parameter];
  });
  const problem = sending.error ?? (unchanged ? null : verdict.error);
  const conflict = problem !== null && toProblem(problem).status === 412;
  useEffect(() => {
    if (conflict) onConflict?.();
  }, [conflict, onConflict]);
  const faults = problem === null ? [] : toProblem(problem).fields;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTouched(true);
    if (!sending.isPending) sending.mutate();
  };

  if (sending.data?.status === "waiting") return <Waiting request={sending.data.request} />;
  return (
    <form onSubmit={submit} noValidate>
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, md: asked.length === 0 ? 12 : 6 }}>
          <Stack gap="sm">
            {asked.map((parameter) => (
              <Field
                key={parameter.name}
                parameter={parameter}
                value={values[parameter.name]}
                error={touched ? faults.find(({ pointer }) => pointer === `/${parameter.name}`)?.detail : undefined}
                onChange={(value) => {
                  key.current = crypto.randomUUID();
                  sending.reset();
                  setTouched(true);
                  setValues((before) => ({ ...before, [parameter.name]: value }));
                }}
              />
            ))}
          </Stack>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: asked.length === 0 ? 12 : 6 }}>
          <Stack gap="sm" aria-live="polite">
            {unchanged ? (
              <Text size="sm" c="dimmed">
                Nothing has been changed yet.
              </Text>
            ) : sending.error === null ? (
              <Verdict dryRun={verdict.error === null ? verdict.data : undefined} error={verdict.error} />
            ) : (
              <Problem error={sending.error} />
            )}
          </Stack>
        </Grid.Col>
      </Grid>
      <Group mt="md">
        <Button
          type="submit"
          loading={sending.isPending}
          disabled={unchanged || verdict.error !== null || verdict.data === undefined}
          {...(danger ? { color: "red.9" } : {})}
        >
          {verdict.data?.decision === "needs_approval" && verdict.error === null ? "Ask for approval" : submitLabel}
        </Button>
      </Group>
    </form>
  );
}

/** The values that are no longer what they were. */
function changedOf(values: Values, initial: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => value !== initial[name]));
}

/** What the API takes for what is not said: shown, so that nobody has to guess. */
function defaultsOf(operation: string): Record<string, unknown> {
  const defaults: Record<string, unknown> = {};
  for (const { name, default: value } of specOf(operation).params) if (value !== undefined) defaults[name] = value;
  return defaults;
}

function Waiting({ request }: { request: { id: string; status: string } }) {
  return (
    <Alert color="yellow" title={request.status === "received" ? "Taken up" : "Waits for approval"} role="status">
      <Text size="sm">
        {request.status === "received"
          ? "It has been recorded and is being carried out. "
          : "It is done as soon as it has been approved; nothing has changed yet. "}
        <Anchor component={Link} to={`/requests/${request.id}`} inherit>
          Follow the request
        </Anchor>
      </Text>
    </Alert>
  );
}
