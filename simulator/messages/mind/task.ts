/** What the built-in mind says of itself when it is asked for something else. */
export const ability =
  "I am the stand-in's built-in mind, not a language model: I can find and fix one small bug behind a failing node:test test in a small JavaScript project, and nothing else.";

/** Whether a task is the one that the built-in mind can do. */
export function understands(task: string): boolean {
  const repair = /\b(?:fix|repair|debug|solve|correct|heal)\w*\b|\bmake\b.*\bpass|\bfind\b.*\bbug/is.test(task);
  const broken = /\b(?:tests?|specs?|suite|bugs?|fail\w*|broken|red)\b/i.test(task);
  return repair && broken;
}
