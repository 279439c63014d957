import { useEffect, useState } from "react";
import { queryClient } from "../../wire/client.ts";
import { leaveForSignIn } from "../../wire/sign-in.ts";
import { type Conversation, hear, loseWords, nothingSaid, take, takeStored } from "./conversation.ts";
import { type Following, type FollowOptions, followSession, readStored } from "./follow.ts";

/** A session's conversation as it happens, and how its stream stands. */
export function useConversation(sessionId: string): { conversation: Conversation; following: Following } {
  const [conversation, setConversation] = useState(nothingSaid);
  const [following, setFollowing] = useState<Following>({ status: "opening" });
  useEffect(() => {
    const stop = new AbortController();
    let held = nothingSaid;
    let filling = false;
    const become = (next: Conversation) => {
      if (next.turn.status !== held.turn.status)
        void queryClient.invalidateQueries({ queryKey: ["get", "/sessions/{session_id}"] });
      held = next;
      setConversation(next);
    };
    const options: FollowOptions = {
      sessionId,
      upTo: () => held.upTo,
      onEvents: (events) => {
        become(take(held, events));
        if (held.early.size > 0) void fill();
      },
      onWords: (words) => become(hear(held, words)),
      onStored: (events) => become(takeStored(held, events)),
      onState: (state) => {
        setFollowing(state);
        if (state.status === "broken") become(loseWords(held));
        if (state.status === "signed_out") leaveForSignIn(queryClient);
        if (state.status === "over" || state.status === "refused")
          void queryClient.invalidateQueries({ queryKey: ["get", "/sessions/{session_id}"] });
      },
      signal: stop.signal,
    };
    /** Something came before its turn: what is missing is asked for. When that fails, the next event tries again. */
    const fill = async () => {
      if (filling) return;
      filling = true;
      await readStored(options).catch(() => undefined);
      filling = false;
    };
    become(nothingSaid);
    void followSession(options);
    return () => stop.abort();
  }, [sessionId]);
  return { conversation, following };
}
