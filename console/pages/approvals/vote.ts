import { useMutation } from "@tanstack/react-query";
import { $api, api, queryClient, type Shown } from "../../wire/client.ts";

export interface Vote {
  /** Id and digest of what was shown: the API refuses a vote on anything else. */
  on: { id: string; digest: string };
  decision: "approve" | "deny";
  reason?: string | undefined;
}

/** Sends a vote. Throws the API's refusal. */
export async function sendVote({ on, decision, reason }: Vote): Promise<Shown["Approval"]> {
  const { data } = await api.POST("/approvals/{request_id}/votes", {
    params: { path: { request_id: on.id } },
    body: { decision, digest: on.digest, ...(reason === undefined || reason === "" ? {} : { reason }) },
  });
  return data as Shown["Approval"];
}

/** What a vote may have changed is asked for again. */
export function refreshDecisions(): Promise<unknown> {
  const roots: readonly unknown[] = ["/approvals", "/approvals/summary", "/approvals/{request_id}", "/requests"];
  return queryClient.invalidateQueries({
    predicate: ({ queryKey }) => roots.includes(queryKey[1]) || queryKey[1] === "/requests/{request_id}",
  });
}

/** A vote on one request: busy until the server has answered and what is shown is the server's. */
export function useVote() {
  return useMutation({
    mutationFn: sendVote,
    onSuccess: (approval) => {
      const shown = $api.queryOptions("get", "/approvals/{request_id}", {
        params: { path: { request_id: approval.id } },
      });
      queryClient.setQueryData(shown.queryKey, approval);
    },
    // Refused or not: what is on screen may be old.
    onSettled: () => refreshDecisions(),
  });
}
