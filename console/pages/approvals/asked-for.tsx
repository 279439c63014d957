import { Stack, Table, Text } from "@mantine/core";
import { count } from "../../../core/text/figures.ts";
import { Diff } from "../../parts/diff.tsx";
import { Facts } from "../../parts/facts.tsx";
import { ThingLink } from "../../parts/thing-link.tsx";
import { Value } from "../../parts/value.tsx";
import type { Shown } from "../../wire/client.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Exactly what would be done: every field that the digest covers is here. */
export function AskedFor({ approval: { kind, diff } }: { approval: Pick<Shown["Approval"], "kind" | "diff"> }) {
  if (kind === "operation") return <Diff before={diff.before} after={diff.after} />;
  const { budget, ...others }: Fields = diff.after ?? {};
  const [before, larger] = [limitsIn(diff.before?.["budget"]), limitsIn(budget)];
  const asked = larger === undefined && budget !== undefined ? { budget, ...others } : others;
  return (
    <Stack gap="sm">
      {larger === undefined ? null : <Larger before={before ?? {}} after={larger} />}
      <Facts
        facts={Object.entries(asked).map(([name, value]) => [nameOf(name), <Asked key={name} {...{ name, value }} />])}
      />
    </Stack>
  );
}

type Limits = Readonly<Record<string, number>>;

/** Limits by their units; undefined for anything else, which is then shown as it is. */
function limitsIn(value: unknown): Limits | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.values(value).every((limit) => typeof limit === "number") ? { ...(value as Limits) } : undefined;
}

const names: Readonly<Record<string, string>> = {
  run_id: "Run",
  step_id: "Step",
  why: "Why it asks",
  input: "Arguments",
};

const nameOf = (name: string) => {
  const words = (names[name] ?? name).replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
};

function Asked({ name, value }: { name: string; value: unknown }) {
  return name === "run_id" && typeof value === "string" ? (
    <ThingLink reference={`run:${value}`} />
  ) : (
    <Value value={value} />
  );
}

/** What a budget is now, what is asked for, and how much more that is. */
function Larger({ before, after }: { before: Limits; after: Limits }) {
  return (
    <Table aria-label="Larger budget" verticalSpacing={4} withTableBorder>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>Limit</Table.Th>
          <Table.Th ta="right">Now</Table.Th>
          <Table.Th ta="right">Asked for</Table.Th>
          <Table.Th ta="right">More</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {Object.entries(after).map(([unit, wanted]) => {
          const now = before[unit] ?? 0;
          return (
            <Table.Tr key={unit}>
              <Table.Td>{nameOf(unit.replace("_usd", ""))}</Table.Td>
              <Table.Td ta="right">{told(unit, now)}</Table.Td>
              <Table.Td ta="right">{told(unit, wanted)}</Table.Td>
              <Table.Td ta="right">
                {wanted > now ? (
                  <Text span inherit fw={600}>
                    +{told(unit, wanted - now)}
                  </Text>
                ) : (
                  "none"
                )}
              </Table.Td>
            </Table.Tr>
          );
        })}
      </Table.Tbody>
    </Table>
  );
}

const dollars = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 6 });

/** Not rounded: this is what one decides on. */
const told = (unit: string, value: number) => (unit.endsWith("_usd") ? dollars.format(value) : count(value));
