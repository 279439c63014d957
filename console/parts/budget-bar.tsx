import { Group, Progress, Text } from "@mantine/core";

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const dollars = new Intl.NumberFormat("en", { style: "currency", currency: "USD", maximumFractionDigits: 2 });

/** Tokens and calls as `12.3K`, money as `$1.20`. */
function amount(value: number, unit: string): string {
  return unit === "USD" ? dollars.format(value) : `${compact.format(value)} ${unit}`;
}

/** How much of a limit is used, and how much is held for what goes on. */
export function BudgetBar({
  label,
  used,
  held = 0,
  limit,
  unit,
}: {
  label: string;
  used: number;
  held?: number;
  limit: number | null;
  /** `tokens`, `calls`, `s` or `USD`. */
  unit: string;
}) {
  const share = (value: number) => (limit === null || limit === 0 ? 0 : Math.min(100, (value / limit) * 100));
  const percent = Math.round(share(used + held));
  const text = `${amount(used, unit)}${held > 0 ? ` used, ${amount(held, unit)} held` : ""}${limit === null ? "" : ` of ${amount(limit, unit)}`}`;
  return (
    <div>
      <Group justify="space-between" gap="xs" mb={4}>
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {label}
        </Text>
        <Text size="xs" c="dimmed">
          {text}
        </Text>
      </Group>
      {limit === null ? null : (
        <Progress.Root size="md">
          <Progress.Section
            value={share(used)}
            color={percent >= 90 ? "red" : percent >= 70 ? "yellow" : "teal"}
            aria-label={`${label}: ${text}`}
          />
          {held > 0 ? (
            <Progress.Section value={share(held)} color="blue" aria-label={`held: ${amount(held, unit)}`} />
          ) : null}
        </Progress.Root>
      )}
    </div>
  );
}
