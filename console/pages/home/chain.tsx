import { Alert, Anchor, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { count } from "../../../core/text/figures.ts";
import { Moment } from "../../parts/moment.tsx";
import { Section } from "../../parts/section.tsx";
import { Loaded } from "../../parts/states.tsx";
import { $api } from "../../wire/client.ts";
import { counted } from "../audit/counted.ts";

/** When the audit chain was last verified, and what came of it. */
export function Chain() {
  const query = $api.useQuery("get", "/audit/verified", {});
  return (
    <Section title="Audit chain">
      <Loaded query={query} lines={1}>
        {({ verdict, entries }) => (
          <>
            {verdict === null ? (
              <Text size="sm">{counted(entries)}, never verified here.</Text>
            ) : verdict.intact ? (
              <Text size="sm">
                Intact when verified <Moment at={verdict.at} /> ({count(verdict.entries)} of now {counted(entries)}).
              </Text>
            ) : (
              <Alert color="red" title={`Broken at position ${verdict.position}`}>
                <Text size="sm">
                  {verdict.reason}. Found <Moment at={verdict.at} />.
                </Text>
              </Alert>
            )}
            <Anchor component={Link} to="/audit" size="sm">
              Open the audit trail
            </Anchor>
          </>
        )}
      </Loaded>
    </Section>
  );
}
