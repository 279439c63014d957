import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { hashToken } from "../core/bearer.ts";
import type { Sql } from "../db/database.ts";
import { grantedRoots } from "../db/queries/authority.ts";
import { findSession, readSomeSessionEvents, type SessionRow, sessionEventToView } from "../db/queries/sessions.ts";
import { stillSignedIn } from "./console/sessions.ts";
import type { ApiDeps } from "./deps.ts";
import { holdStream, restMs } from "./open-streams.ts";
import { recordSecurityEvent } from "./security-events.ts";

interface Admitted {
  organisationId: string;
  sessionId: string;
  principalId: string;
  /** Hash of the browser sign-in the ticket was asked for with, when it was one. */
  consoleSession: string | undefined;
  after: number;
}

/** So often each side shows the other that it is still there; a client that has not answered by the next time is cut off. */
const beatMs = 15_000;
/** What a page's script hears of that: browsers answer pings, and tell nobody. */
const stillHere = JSON.stringify({ type: "powerloom.still_here" });
/** Without a notification the rows are looked at again: a lost NOTIFY costs this much. */
const pollMs = 1_000;
/** A client that reads slower than this much is cut off; it resumes from its last position. */
const maxBuffered = 4 * 1024 * 1024;
/** Of what has been stored, this much is read at a time. */
const page = { rows: 500, bytes: 1024 * 1024 };
/** A client that is behind by this much gets no words as they come: it is told the message itself in its turn. */
const maxBufferedWords = 64 * 1024;

/**
 * WebSocket streams of sessions: `/sessions/:id/stream?ticket=…&after=N`. Events come from rows, once each and in order, each
 * with its position; `powerloom.words` are an agent's words as they come, have none, and are not kept; `powerloom.still_here`
 * comes every 15 s.
 * @returns a function that closes them all
 */
export function attachStreams(server: Server, deps: ApiDeps): () => void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024, perMessageDeflate: false });

  const onUpgrade = (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    // An upgrade that fails must not take the process with it.
    socket.on("error", () => socket.destroy());
    void admit(req).then(
      (admitted) => {
        if (admitted === undefined) {
          socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
          return;
        }
        let release: () => void;
        try {
          release = holdStream(deps, admitted.principalId);
        } catch {
          socket.end(
            "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
          );
          return;
        }
        // Of the socket: a handshake that fails never becomes a WebSocket.
        socket.once("close", release);
        if (socket.destroyed) release();
        sockets.handleUpgrade(req, socket, head, (ws) => void follow(ws, admitted));
      },
      (error: unknown) => {
        deps.log.warn({ err: error }, "a stream could not be opened");
        socket.end("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      },
    );
  };
  server.on("upgrade", onUpgrade);

  async function admit(req: IncomingMessage): Promise<Admitted | undefined> {
    const url = new URL(req.url ?? "/", "http://localhost");
    const sessionId = /^\/sessions\/([0-9a-f-]{36})\/stream$/.exec(url.pathname)?.[1];
    const ticket = url.searchParams.get("ticket") ?? "";
    const after = Number(url.searchParams.get("after") ?? "0");
    if (sessionId === undefined || !Number.isInteger(after) || after < 0 || after > 2_147_483_647) return undefined;
    const hash = hashToken(ticket);
    const found = await deps.db.anywhere.maybe<{ organisation_id: string }>("select * from find_stream_ticket($1)", [
      hash,
    ]);
    const used =
      found === undefined
        ? undefined
        : await deps.db.inOrganisation(found.organisation_id, (tx) =>
            tx.maybe<{ principal_id: string; console_session: string | null }>(
              `update stream_tickets set used_at = $3
                where ticket_hash = $1 and session_id = $2 and used_at is null and expires_at > $3 returning principal_id, console_session`,
              [hash, sessionId, deps.now()],
            ),
          );
    if (found === undefined || used === undefined) {
      await recordSecurityEvent(deps, "invalid_ticket", { path: url.pathname });
      return undefined;
    }
    return {
      organisationId: found.organisation_id,
      sessionId,
      principalId: used.principal_id,
      consoleSession: used.console_session ?? undefined,
      after,
    };
  }

  /** Rights are read each time: who has lost them sees nothing more. */
  async function maySee(tx: Sql, session: SessionRow, principalId: string): Promise<boolean> {
    const user = await tx.maybe<{ status: string }>("select status from users where id = $1", [principalId]);
    if (user?.status !== "active") return false;
    if (session.invoker_id === principalId) return true;
    const roots = await grantedRoots(tx, principalId, "session:read", deps.now());
    return session.ou_ancestors.some((ou) => roots.includes(ou));
  }

  async function follow(ws: WebSocket, admitted: Admitted): Promise<void> {
    let wake = () => {};
    const stopHearing = deps.notifications.hear("session_events", admitted.sessionId, () => wake());
    const words = deps.notifications.hearWords("session_words", admitted.sessionId, () => wake());
    let answered = true;
    let beat = deps.now().getTime();
    ws.on("pong", () => {
      answered = true;
    });
    ws.on("error", () => ws.terminate());
    ws.on("close", () => {
      stopHearing();
      words.stop();
      wake();
    });
    let { after } = admitted;
    try {
      while (ws.readyState === ws.OPEN) {
        // Armed before the rows are read: what is stored in between wakes the next round.
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, restMs(deps, pollMs)).unref();
        });
        // Taken before rights are read: nobody hears what was said after theirs were taken away.
        const heard = words.take();
        const { events, ended, allowed, signedIn } = await deps.db.readOrganisation(
          admitted.organisationId,
          async (tx) => {
            // Before the rows: what is written until the session is cleaned up is then among them.
            const [session, holds] = await Promise.all([
              findSession(tx, admitted.sessionId),
              stillSignedIn(deps, tx, admitted.consoleSession),
            ]);
            const permitted = holds && session !== undefined && (await maySee(tx, session, admitted.principalId));
            const rows = permitted ? await readSomeSessionEvents(tx, admitted.sessionId, after, page) : [];
            return {
              events: rows.map(sessionEventToView),
              ended: rows.length === 0 && session?.cleaned_at != null,
              allowed: permitted,
              signedIn: holds,
            };
          },
        );
        if (!signedIn) return ws.close(4401, "your sign-in has ended");
        if (!allowed) return ws.close(4403, "you may not see this session any more");
        for (const event of events) {
          ws.send(JSON.stringify(event));
          after = event.position;
          if (ws.bufferedAmount > maxBuffered) break;
        }
        if (ws.bufferedAmount < maxBufferedWords) for (const payload of heard) ws.send(toWords(payload));
        if (deps.now().getTime() - beat >= beatMs) {
          if (!answered) return ws.terminate();
          [answered, beat] = [false, deps.now().getTime()];
          ws.ping();
          ws.send(stillHere);
        }
        if (ended) return ws.close(1000, "the session has ended");
        if (ws.bufferedAmount > maxBuffered) return ws.close(1013, "too slow: resume with ?after=");
        if (events.length === 0) await woken;
      }
    } catch (error) {
      deps.log.warn({ err: error, session: admitted.sessionId }, "a stream was cut");
      ws.close(1011, "try again with ?after=");
    }
  }

  return () => {
    server.off("upgrade", onUpgrade);
    for (const ws of sockets.clients) ws.close(1012, "restarting: resume with ?after=");
  };
}

/** What watchers get of a notification of words. */
function toWords(payload: string): string {
  const { event_id, at, text } = JSON.parse(payload) as { event_id: string; at: number; text: string };
  return JSON.stringify({ type: "powerloom.words", event_id, at, text });
}
