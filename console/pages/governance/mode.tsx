import { SimpleGrid, Text } from "@mantine/core";
import { OperationButton } from "../../forms/operation-button.tsx";
import { Moment } from "../../parts/moment.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { $api, type Shown } from "../../wire/client.ts";
import { useMay } from "../../wire/rights.ts";
import classes from "./mode.module.css";

type GovernanceMode = Shown["GovernanceMode"];

const meanings: Readonly<Record<GovernanceMode["mode"], string>> = {
  READ_ONLY: "Agents only read. Every call that would change something is refused.",
  PERMISSION: "Agents read freely. Before anything else, people are asked, or have allowed the same a moment ago.",
  BYPASS:
    "Agents act without asking, within the rights of the person they act for. It needs an approval, ends by itself, and every use is in the audit trail.",
};

/** What the organisation's runs may do: each mode and what it means, the one that counts, and who has said so. */
export function Mode() {
  const query = $api.useQuery("get", "/governance/mode", {});
  const may = useMay();
  return (
    <Section
      title="Mode"
      actions={
        query.data !== undefined && may("governance:update") ? (
          <OperationButton
            label="Change the mode"
            title="Change the mode"
            explanation="It counts for every run of the organisation from its next step on."
            operation="governance.set_mode"
            submitLabel="Set the mode"
            ifMatch={`"${query.data.version}"`}
            button={{ size: "xs", variant: "default" }}
          />
        ) : null
      }
    >
      <Loaded query={query} lines={3}>
        {(now) => (
          <>
            <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="sm" component="ul" className={classes["modes"] ?? ""}>
              {(Object.keys(meanings) as GovernanceMode["mode"][]).map((mode) => (
                <li
                  key={mode}
                  className={classes["mode"]}
                  data-current={mode === now.mode}
                  aria-current={mode === now.mode ? "true" : undefined}
                >
                  <Status value={mode} />{" "}
                  <Text size="xs" fw={600} span>
                    {mode === now.mode ? "counts now" : ""}
                  </Text>
                  <Text size="sm" mt={6}>
                    {meanings[mode]}
                  </Text>
                </li>
              ))}
            </SimpleGrid>
            <Since now={now} />
          </>
        )}
      </Loaded>
    </Section>
  );
}

function Since({ now }: { now: GovernanceMode }) {
  if (now.changed_at === null)
    return (
      <Text size="sm" c="dimmed" mt="sm">
        Nobody has ever set a mode; {now.mode} is what counts then.
      </Text>
    );
  return (
    <Text size="sm" mt="sm" component="div" style={{ overflowWrap: "anywhere" }}>
      {now.expires_at === null ? null : (
        <div>
          {now.mode === "BYPASS" ? "BYPASS ends " : "BYPASS was set, and has ended "}
          <Moment at={now.expires_at} />.
        </div>
      )}
      Set by {now.changed_by_email ?? "somebody who is no longer here"} <Moment at={now.changed_at} />
      {now.reason === null ? "." : `: ${now.reason}`}
    </Text>
  );
}
