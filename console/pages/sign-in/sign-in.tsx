import { Alert, Box, Button, Center, Group, Paper, Stack, Text, TextInput, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import { useMutation } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import type { SignInError } from "../../../contracts/console.ts";
import { Loaded, Problem } from "../../parts/states.tsx";
import { $api, api, ownHeaders, queryClient } from "../../wire/client.ts";
import { localPath } from "../../wire/local-path.ts";

/** Why somebody came back from their identity provider without being signed in. */
const reasons: Readonly<Record<SignInError, string>> = {
  access_denied: "The identity provider did not sign you in.",
  begin_again: "Signing in took too long, or was begun in another browser. Please start again.",
  unknown_organisation: "There is no such organisation, or it has no identity provider.",
  unknown_person: "Nobody in this organisation has the verified address you signed in with. Ask an administrator.",
  suspended: "Your access is suspended. Ask an administrator.",
  too_many_requests: "Too many sign-ins came from your network just now. Please try again in a minute.",
  provider_away: "The identity provider cannot be reached. Please try again.",
  unavailable: "Powerloom could not finish signing you in just now. Please try again.",
  provider_refused:
    "What the identity provider answered cannot be trusted, or it does not know this client. Ask an administrator.",
};

/** Signing in: through the organisation's identity provider, or in dev mode as a seeded person. */
export function SignIn() {
  useDocumentTitle("Sign in · Powerloom");
  const { return_to: returnTo, error } = useSearch({ from: "/sign-in" });
  const target = localPath(returnTo);
  const options = $api.useQuery("get", "/sign-in/options", {});
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" w="100%" maw={440} shadow="sm">
        <Stack>
          <Group gap="sm">
            <img src="/console/assets/mark.svg" width={36} height={36} alt="" />
            <Box>
              <Title order={1}>Powerloom</Title>
              <Text size="sm" c="dimmed">
                The control plane of your agents
              </Text>
            </Box>
          </Group>
          {error === undefined ? null : (
            <Alert color="red" role="alert">
              {Object.hasOwn(reasons, error)
                ? reasons[error as SignInError]
                : "Signing in did not work. Please start again."}
            </Alert>
          )}
          <Loaded query={options}>
            {({ mode, people, oidc }) =>
              mode === "dev" ? (
                <ChoosePerson people={people} target={target} />
              ) : (
                <ChooseOrganisation known={oidc[0]?.organisation} target={target} />
              )
            }
          </Loaded>
        </Stack>
      </Paper>
    </Center>
  );
}

interface Person {
  email: string;
  display_name: string;
  organisation: string;
  home_ou_path: string;
}

function ChoosePerson({ people, target }: { people: readonly Person[]; target: string }) {
  const [other, setOther] = useState("");
  const signIn = useMutation({
    mutationFn: (email: string) => api.POST("/sign-in/dev", { params: { header: ownHeaders }, body: { email } }),
    onSuccess: () => {
      queryClient.clear();
      // A page load: nothing of the person before stays in memory.
      location.assign(target);
    },
  });
  return (
    <Stack gap="xs">
      <Text size="sm">
        Development mode: choose whom to be. There is no password, and none of this exists in production.
      </Text>
      {signIn.error === null ? null : <Problem error={signIn.error} />}
      {people.slice(0, 8).map(({ email, display_name: name, organisation, home_ou_path: home }) => (
        <Button
          key={`${organisation}${email}`}
          variant="default"
          h="auto"
          py="xs"
          justify="flex-start"
          loading={signIn.isPending && signIn.variables === email}
          onClick={() => signIn.mutate(email)}
        >
          <Box ta="left">
            <Text size="sm" fw={600}>
              {name}
            </Text>
            <Text size="xs" c="dimmed">
              {email} · {home}
            </Text>
          </Box>
        </Button>
      ))}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate(other);
        }}
      >
        <Group align="flex-end" gap="xs" mt="xs">
          <TextInput
            label="Somebody else"
            placeholder="name@example.com"
            type="email"
            value={other}
            onChange={(event) => setOther(event.currentTarget.value.trim())}
            style={{ flex: 1 }}
          />
          <Button type="submit" variant="default" disabled={other === ""}>
            Sign in as them
          </Button>
        </Group>
      </form>
    </Stack>
  );
}

function ChooseOrganisation({ known, target }: { known: string | undefined; target: string }) {
  const [organisation, setOrganisation] = useState(known ?? "");
  const leave = (event: FormEvent) => {
    event.preventDefault();
    location.assign(`/sign-in/oidc?${new URLSearchParams({ organisation, return_to: target })}`);
  };
  return (
    <form onSubmit={leave}>
      <Stack>
        <TextInput
          label="Organisation"
          description="Its short name, such as acme"
          value={organisation}
          onChange={(event) => setOrganisation(event.currentTarget.value.trim())}
          autoComplete="organization"
          required
        />
        <Button type="submit" disabled={organisation === ""}>
          Continue with your identity provider
        </Button>
      </Stack>
    </form>
  );
}
