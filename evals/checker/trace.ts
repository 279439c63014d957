import { type Evidence, type ExportedRun, eventsOf, rootOf, type Step } from "../evidence.ts";

/**
 * What a trace lacks, in words; empty when it is complete: every run begins and ends with an event, every model and tool
 * step has one, every subagent is linked both ways, and one trace id goes through the tree.
 */
export function traceFaults(evidence: Pick<Evidence, "runs">): string[] {
  return [
    ...evidence.runs.flatMap((run) => [...frameFaults(run), ...stepFaults(run), ...strayEvents(run)]),
    ...linkFaults(evidence),
    ...treeFaults(evidence),
  ];
}

const ofRun = (run: ExportedRun, fault: string): string => `${run.agent} ${run.id.slice(-6)}: ${fault}`;

function frameFaults(run: ExportedRun): string[] {
  const types = run.events.map(({ type }) => type);
  const starts = types.filter((type) => type === "run_started").length;
  const ends = types.filter((type) => type === "run_completed" || type === "run_failed");
  const expected = run.status === "completed" ? "run_completed" : "run_failed";
  return [
    ...(starts === 1 && types[0] === "run_started" ? [] : [`run_started is not its first event, once (${starts})`]),
    ...(ends.length === 1 && types.at(-1) === expected ? [] : [`${expected} is not its last event, once`]),
    ...(run.completed_at === null ? ["it has no end"] : []),
    ...(run.reason === null || run.reason.rule === "" || run.reason.reason === ""
      ? ["its end has no rule and reason"]
      : []),
  ].map((fault) => ofRun(run, fault));
}

/** Which events must name a step. None for a model call that was never sent: counted first, it was too large. */
function eventsFor(step: Step): readonly string[] {
  if (step.step_type === "model_call") return step.status === "success" ? ["model_answered"] : [];
  if (step.status === "refused") return step.error_msg === "the run has ended" ? [] : ["blocked"];
  if (step.child_run_id !== null) return ["subagent_started", "subagent_ended"];
  return step.status === "unknown" ? [] : ["run_step"];
}

function stepFaults(run: ExportedRun): string[] {
  return run.steps.flatMap((step) => {
    const named = run.events.filter(({ payload }) => payload["step_id"] === step.step_id).map(({ type }) => type);
    const missing = eventsFor(step).filter((type) => named.filter((one) => one === type).length !== 1);
    const open = step.status === "proposed" || step.status === "waiting" || step.status === "running";
    return [
      ...missing.map((type) => ofRun(run, `step ${step.step_id} (${step.status}) has not one event ${type}`)),
      ...(open ? [ofRun(run, `step ${step.step_id} is still ${step.status}`)] : []),
    ];
  });
}

function strayEvents(run: ExportedRun): string[] {
  const known = new Set(run.steps.map(({ step_id: id }) => id));
  return run.events.flatMap(({ type, payload }) => {
    const step = payload["step_id"];
    return typeof step !== "string" || known.has(step)
      ? []
      : [ofRun(run, `event ${type} names step ${step}, which is not there`)];
  });
}

function linkFaults({ runs }: Pick<Evidence, "runs">): string[] {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const down = runs.flatMap((run) =>
    run.steps.flatMap(({ child_run_id: child, step_id: step }) => {
      if (child === null || byId.get(child)?.parent_run_id === run.id) return [];
      return [ofRun(run, `step ${step} started ${child.slice(-6)}, which does not name it as its parent`)];
    }),
  );
  const up = runs.flatMap((run) => {
    if (run.parent_run_id === null) return [];
    const parent = byId.get(run.parent_run_id);
    if (parent === undefined) return [ofRun(run, "its parent is not in the tree")];
    const steps = parent.steps.filter(({ child_run_id: child }) => child === run.id).length;
    const told = parent.events.filter(
      ({ type, payload }) => type === "subagent_started" && payload["child_run_id"] === run.id,
    );
    return [
      ...(steps === 1 ? [] : [ofRun(run, `${steps} steps of its parent name it, not one`)]),
      ...(told.length === 1 ? [] : [ofRun(run, `${told.length} events of its parent name it, not one`)]),
    ];
  });
  return [...down, ...up];
}

function treeFaults(evidence: Pick<Evidence, "runs">): string[] {
  const root = rootOf(evidence);
  const foreign = evidence.runs.filter(
    ({ trace_id: trace, root_run_id: top }) => trace !== root.trace_id || top !== root.id,
  );
  const positions = eventsOf(evidence).map(({ at }) => at);
  const gap = positions.findIndex((position, index) => position !== index + 1);
  return [
    ...(/^[0-9a-f]{32}$/.test(root.trace_id) ? [] : [`${root.trace_id} is no trace id`]),
    ...foreign.map((run) => ofRun(run, "it has another trace id or root than the run that was asked for")),
    ...(gap === -1 ? [] : [`the events of the tree have a gap or a double before position ${positions[gap]}`]),
  ];
}
