import { useMutation } from "@tanstack/react-query";
import { api, queryClient } from "../../wire/client.ts";

/** What a run can be told besides words. */
export type Order = "pause" | "resume" | "cancel";

/** Tells a run something. The API stores it and answers; the run hears it before its next step. */
export function useTell(runId: string) {
  return useMutation({
    mutationFn: ({ order, reason }: { order: Order; reason?: string }) => {
      const params = { path: { run_id: runId }, header: { "Idempotency-Key": crypto.randomUUID() } };
      switch (order) {
        case "pause":
          return api.POST("/runs/{run_id}/pause", { params });
        case "resume":
          return api.POST("/runs/{run_id}/resume", { params });
        case "cancel":
          return api.POST("/runs/{run_id}/cancel", { params, body: reason === undefined ? {} : { reason } });
      }
    },
    onSettled: () => queryClient.invalidateQueries({ predicate: ({ queryKey }) => queryKey[1] === "/runs/{run_id}" }),
  });
}
