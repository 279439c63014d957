/**
 * The edition of workflow code that new runs begin with. It stands in what a run's workflow is started with, so a run goes on
 * by the rules it began with; a marker in its history for each change would cost an event and a write of Temporal's visibility
 * store each (ADR 18). A change of the commands that the workflow issues makes another edition.
 */
export const latestRunEdition = 1;
