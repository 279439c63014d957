import type { z } from "zod";
import type { runDetailView, runView } from "../../contracts/runs.ts";
import type { ApiClient } from "../api-client.ts";
import { painter } from "../paint.ts";
import { type Shell, type Sink, wantsColor } from "../shell.ts";
import { eventLine } from "./event-lines.ts";
import { followRun } from "./follow.ts";
import { openLiveArea } from "./live-area.ts";
import { renderTree } from "./render-tree.ts";
import { openTree, type RunTree, type TreeInput } from "./tree.ts";
import { treeAfter } from "./tree-after.ts";

type Run = z.infer<typeof runView>;
export type RunDetail = z.infer<typeof runDetailView>;

/** How a watch ended: with the run, or because the person has left. */
export type Watched = { status: "ended"; run: RunDetail } | { status: "left" };

const frameMs = 100;
const lookMs = 3_000;

/**
 * Shows a run as it goes until it has ended. The first Ctrl-C asks the API to cancel it, the second leaves.
 * @throws CliFailure when the API stays away
 */
export async function watchRun(shell: Shell, api: ApiClient, run: Run, json: boolean): Promise<Watched> {
  const path = `/runs/${run.id}`;
  const left = new AbortController();
  const view = json ? jsonView(shell) : isScreen(shell) ? liveView(shell, run) : lineView(shell, run);
  let interrupts = 0;
  const stopListening = shell.onInterrupt(() => {
    interrupts += 1;
    if (interrupts > 1) return left.abort();
    view.note("Cancelling the run. Ctrl-C again leaves it to itself.");
    api
      .post(`${path}/cancel`)
      .catch((error: unknown) => view.note(error instanceof Error ? error.message : String(error)));
  });
  const looking = view.wantsFigures
    ? setInterval(
        () =>
          void api.get<RunDetail>(path).then(
            (now) => view.hear({ kind: "run", run: now }),
            () => undefined,
          ),
        lookMs,
      )
    : undefined;
  try {
    for await (const news of followRun({ api, runId: run.id, signal: left.signal })) view.hear(news);
    if (left.signal.aborted) return { status: "left" };
    // What the stream ends with does not count the subagents.
    const ended = await api.get<RunDetail>(path);
    view.hear({ kind: "run", run: ended });
    return { status: "ended", run: ended };
  } finally {
    clearInterval(looking);
    stopListening();
    view.close();
  }
}

interface View {
  wantsFigures: boolean;
  hear(news: TreeInput): void;
  /** A remark of our own; never on stdout, where programs read. */
  note(text: string): void;
  close(): void;
}

/** A terminal that can be redrawn. */
function isScreen(shell: Shell): boolean {
  return shell.stdout.isTTY === true && shell.env["TERM"] !== "dumb";
}

function jsonView(shell: Shell): View {
  return {
    wantsFigures: false,
    hear: (news) => {
      if (news.kind === "event") shell.stdout.write(`${JSON.stringify(news.event)}\n`);
    },
    note: () => undefined,
    close: () => undefined,
  };
}

function lineView(shell: Shell, run: Run): View {
  const paint = painter(wantsColor(shell));
  let tree = openTree(run);
  return {
    wantsFigures: false,
    hear(news) {
      tree = treeAfter(tree, news);
      if (news.kind === "event") shell.stdout.write(`${eventLine(tree, news.event, paint)}\n`);
    },
    note: (text) => void shell.stderr.write(`${text}\n`),
    close: () => undefined,
  };
}

function liveView(shell: Shell, run: Run): View {
  const sink: Sink & { rows?: number } = shell.stdout;
  const area = openLiveArea(sink);
  let tree: RunTree = openTree(run);
  // The last column stays free: a terminal that wraps there would scroll.
  const style = () => ({ width: Math.max(20, (sink.columns ?? 80) - 1), now: Date.now(), color: wantsColor(shell) });
  const draw = () => area.draw(renderTree(tree, { ...style(), rows: Math.max(3, (sink.rows ?? 24) - 1) }));
  const timer = setInterval(draw, frameMs);
  draw();
  return {
    wantsFigures: true,
    hear(news) {
      tree = treeAfter(tree, news);
    },
    note(text) {
      area.clear();
      shell.stderr.write(`${text}\n`);
    },
    close() {
      clearInterval(timer);
      area.close();
      // Once more, whole: this stays.
      shell.stdout.write(`${renderTree(tree, style()).join("\n")}\n`);
    },
  };
}
